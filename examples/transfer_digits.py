"""Does a network that has learned the digits 0 to 4 help with 5 to 9, from a few images of each?

Four classifiers of the new digits, on the same images: a network trained from nothing, a new head on the features of a network as
it was drawn, a new head on the frozen features that 0 to 4 have taught, and head and last convolution trained on from there.

Means of five draws and their standard errors, with three and with ten images of each digit:

    from nothing      .852 ± .007    .937 ± .005
    drawn features    .800 ± .018    .908 ± .010
    new head          .850 ± .008    .931 ± .003
    fine-tuned        .853 ± .004    .938 ± .003

The features are worth something: .05 and .02 more than drawn ones. But they are no better than what a new network finds by itself
in the same images. Five digits, 901 images, are too little to learn from; fewer epochs on them leave less (.788 after two, .827
after five, .855 after sixty, with three images). `transfer_recogniser.py` has a backbone that has seen more.
"""

import numpy as np
from sklearn.datasets import load_digits

from riata.nn import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential, Softmax
from riata.transfer import fit_head

#: steps from nothing, in mini-batches of 10; half of them to fine-tune
STEPS = 600


def network(classes, seed=0):
    """Two convolutions and a head."""
    return Sequential([Conv2D(16, padding="same"), ReLU(), MaxPool2D(), Conv2D(32, padding="same"), ReLU(), MaxPool2D(),
                       Flatten(),
                       Dense(classes), Softmax()], seed=seed)


def main(per_class=10, repeats=5):
    """Mean accuracy on the other images of 5 to 9: {"from nothing", "drawn features", "new head", "fine-tuned"}."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).reshape(-1, 8, 8, 1)
    source = network(5).fit(X[y < 5], y[y < 5], epochs=20)
    X, y = X[y >= 5], y[y >= 5]
    scores = {"from nothing": [], "drawn features": [], "new head": [], "fine-tuned": []}
    for seed in range(repeats):
        order = np.random.default_rng(seed).permutation(len(y))
        train = np.concatenate([order[y[order] == digit][:per_class] for digit in range(5, 10)])
        test = np.setdiff1d(order, train)
        steps_of_an_epoch = -(-len(train) // 10)
        path = {"cv": min(5, per_class), "alphas": 15}
        nothing = network(5, seed).fit(X[train], y[train], epochs=STEPS // steps_of_an_epoch, batch_size=10)
        drawn = fit_head(network(5, seed).build((8, 8, 1)), X[train], y[train], **path)
        model = fit_head(source, X[train], y[train], **path)
        tuned = model.to_network().freeze(3).fit(X[train], y[train], epochs=STEPS // 2 // steps_of_an_epoch, batch_size=10)
        for name, said in zip(scores, (nothing, drawn, model, tuned), strict=True):
            scores[name].append(np.mean(said.predict(X[test]) == y[test]))
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    for name, value in means.items():
        print(f"{name:>14}: accuracy {value:.3f} ± {np.std(scores[name], ddof=1) / np.sqrt(repeats):.3f}")
    return means


if __name__ == "__main__":
    main()
