cdef extern from "riata_pages.h":
    void* riata_pages_get(size_t bytes) noexcept nogil
    void riata_pages_free(void* memory) noexcept nogil
