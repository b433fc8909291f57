# R's glmnet as a worker: the same lines in and out as worker.py (see exchange.py), arrays read from .npy files.
# lambda and alpha are translated as in solvers/glmstar.py; the path's early stop is switched off.
started <- Sys.time()
say <- function(...) { cat("@", paste(..., sep = "\t"), "\n", sep = ""); flush(stdout()) }
if (!suppressPackageStartupMessages(require(glmnet, quietly = TRUE))) {
  say("status=absent", "reason=Rscript is there, but the R package glmnet is not")
  quit(save = "no")
}
glmnet.control(fdev = 0, devmax = 1)
covariance <- identical(commandArgs(trailingOnly = TRUE), "covariance")

read_npy <- function(path) {
  con <- file(path, "rb")
  on.exit(close(con))
  magic <- readBin(con, "raw", 10)
  header <- rawToChar(readBin(con, "raw", as.integer(magic[9]) + 256L * as.integer(magic[10])))
  shape <- regmatches(header, regexpr("'shape': \\([^)]*\\)", header))
  dims <- as.integer(regmatches(shape, gregexpr("[0-9]+", shape))[[1]])
  count <- prod(dims)
  type <- regmatches(header, regexpr("[<|=][a-z][0-9]+", header))
  values <- switch(type, "<f8" = readBin(con, "double", count), "<i4" = readBin(con, "integer", count),
                   "<i8" = readBin(con, "integer", count, size = 8), stop("cannot read ", header))
  if (length(dims) < 2) return(values)
  if (grepl("'fortran_order': True", header)) matrix(values, dims[1], dims[2]) else matrix(values, dims[1], dims[2], byrow = TRUE)
}
# many problems that lie one behind the other: each as a row of one problem has it
problems <- function(data, flat, shapes, folds) {
  first <- cumsum(c(0, shapes[, 1])); at <- cumsum(c(0, shapes[, 1] * shapes[, 2]))
  lapply(seq_len(nrow(shapes)), function(b) {
    rows <- first[b] + seq_len(shapes[b, 1])
    list(X = matrix(flat[at[b] + seq_len(prod(shapes[b, ]))], shapes[b, 1], shapes[b, 2]), y = data$y[rows], folds = folds[rows],
         alphas = if (is.null(folds)) data$alphas[b, ] else data$alphas[b, , drop = FALSE], l1_ratio = data$l1_ratio,
         l1_ratios = data$l1_ratio, intercept = data$intercept)
  })
}
read_data <- function(folder) {
  get <- function(name) read_npy(file.path(folder, paste0(name, ".npy")))
  has <- function(name) file.exists(file.path(folder, paste0(name, ".npy")))
  data <- list(y = get("y"), alphas = get("alphas"), l1_ratio = get("l1_ratio"), intercept = get("intercept") == 1L)
  if (has("X_flat")) return(list(problems = problems(data, get("X_flat"), get("X_shapes"), if (has("folds")) get("folds"))))
  if (has("counts")) data$counts <- get("counts")
  if (has("X_data")) {
    data$X <- new("dgCMatrix", x = get("X_data"), i = get("X_indices"), p = get("X_indptr"), Dim = get("X_shape"))
  } else data$X <- get("X")
  if (has("folds")) { data$folds <- get("folds"); data$l1_ratios <- get("l1_ratios") }
  data
}
arguments <- function(data, alphas, l1_ratio, tol) {
  y <- data$y
  w <- if (is.null(data$weights)) rep(1, length(y)) else data$weights
  s <- sqrt(weighted.mean(if (data$intercept) (y - weighted.mean(y, w))^2 else y^2, w))
  share <- l1_ratio + s * (1 - l1_ratio)
  out <- list(x = data$X, y = y, family = "gaussian", lambda = alphas * share, alpha = l1_ratio / share, standardize = FALSE,
              intercept = data$intercept, thresh = tol, maxit = 1e9)
  out$weights <- data$weights
  if (covariance) out$type.gaussian <- "covariance"
  out
}
tasks <- list(
  path = function(data, tol) do.call(glmnet, arguments(data, data$alphas, data$l1_ratio, tol)),
  cv = function(data, tol) {
    mse <- array(0, c(length(unique(data$folds)), ncol(data$alphas), nrow(data$alphas)))   # C order of (l1_ratio, alpha, fold)
    for (i in seq_along(data$l1_ratios)) for (k in seq_len(dim(mse)[1])) {
      # cv.glmnet does the same, but scales each fold's penalty by the fold's own s; here lambda is translated fold by fold
      train <- data$folds != k - 1
      part <- list(X = data$X[train, ], y = data$y[train], intercept = TRUE)
      model <- do.call(glmnet, arguments(part, data$alphas[i, ], data$l1_ratios[i], tol))
      prediction <- predict(model, data$X[!train, ])
      mse[k, , i] <- colMeans((data$y[!train] - prediction)^2)
    }
    mse
  }
)
tasks$fit <- tasks$path
# many problems: loops, as a user would write them; glmnet takes the counts of a bootstrap as weights
tasks$many <- function(data, tol) lapply(data$problems, tasks$path, tol)
tasks$many_cv <- function(data, tol) unlist(lapply(data$problems, tasks$cv, tol))
tasks$boots <- function(data, tol) lapply(seq_len(ncol(data$counts)), function(b) {
  data$weights <- data$counts[, b]
  tasks$path(data, tol)
})

say("status=ready", paste0("version=", packageVersion("glmnet"), " (R ", getRversion(), ")"),
    paste0("import_seconds=", as.numeric(Sys.time() - started, units = "secs")))
input <- file("stdin", "r")
loaded <- ""
while (length(text <- readLines(input, 1)) > 0) {
  items <- strsplit(strsplit(text, "\t")[[1]], "=")
  job <- setNames(lapply(items, function(item) paste(item[-1], collapse = "=")), vapply(items, `[`, "", 1))
  failed <- tryCatch({
    if (is.null(tasks[[job$task]])) stop("glmnet has no task ", job$task)
    if (job$data != loaded) { data <- NULL; invisible(gc()); data <- read_data(job$data); loaded <- job$data }
    inner <- if (is.null(job$inner)) 1L else as.integer(job$inner)
    tol <- as.numeric(job$tol)
    clock <- if (identical(job$clock, "cpu")) function() sum(proc.time()[1:2]) else function() as.numeric(Sys.time())
    start <- clock()
    for (i in seq_len(inner)) result <- suppressWarnings(tasks[[job$task]](data, tol))
    seconds <- (clock() - start) / inner
    if (!is.null(job$save)) {
      put <- function(values, name) { con <- file(paste0(job$save, ".", name), "wb"); writeBin(values, con); close(con) }
      if (job$task %in% c("cv", "many_cv")) put(as.vector(result), "mse") else {
        models <- if (inherits(result, "glmnet")) list(result) else result
        beta <- lapply(models, function(model) as(model$beta, "TsparseMatrix"))
        first <- cumsum(c(0L, vapply(beta, ncol, 1L)))       # the rows of a model's alphas in the matrix of all
        put(unlist(lapply(seq_along(beta), function(b) first[b] + beta[[b]]@j)), "rows")
        put(unlist(lapply(beta, slot, "i")), "cols"); put(unlist(lapply(beta, slot, "x")), "values")
        put(as.vector(unlist(lapply(models, `[[`, "a0"))), "intercept")
      }
    }
    say("status=ok", paste0("seconds=", format(seconds, digits = 9)))
    NULL
  }, error = function(e) conditionMessage(e))
  if (!is.null(failed)) say("status=error", paste0("reason=", gsub("[\t\n]", " ", failed)))
}
