/* Memory that goes back to the system when it is freed.

   An allocator keeps what it is given back for the next call, so that a process holds the largest block, the largest factor and the
   largest panels of a path all at once, though no two of them were needed together. From a megabyte on memory is mapped instead:
   what is never written to takes none, and nothing stays. */
#ifndef RIATA_PAGES_H
#define RIATA_PAGES_H

#include <stdlib.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#define RIATA_PAGES_FROM (1u << 20)
#define RIATA_PAGES_HEAD 64                 /* bytes in front: how much is mapped (0: nothing), and the alignment of a cache line */

static inline void *riata_pages_get(size_t bytes)
{
    char *head = NULL;
    size_t whole = bytes + RIATA_PAGES_HEAD, mapped = 0;
#if defined(__linux__)
    if (bytes >= RIATA_PAGES_FROM) {
        void *found = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (found == MAP_FAILED)
            return NULL;
        head = (char *)found;
        mapped = whole;
    }
#endif
    if (head == NULL)
        head = (char *)malloc(whole);
    if (head == NULL)
        return NULL;
    *(size_t *)head = mapped;
    return head + RIATA_PAGES_HEAD;
}

static inline void riata_pages_free(void *memory)
{
    char *head;
    if (memory == NULL)
        return;
    head = (char *)memory - RIATA_PAGES_HEAD;
#if defined(__linux__)
    if (*(size_t *)head) {
        munmap(head, *(size_t *)head);
        return;
    }
#endif
    free(head);
}

#endif
