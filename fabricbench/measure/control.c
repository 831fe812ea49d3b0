/* The control: the loops that a benchmark written in C has, to be run in the same ranks, with the same buffers and
 * communicator, as the program's own. Compiled with the mpicc of the library that the ranks use.
 *
 * Each function fills `entered` and `left` (nanoseconds of CLOCK_MONOTONIC, one a sample) around `repeats` operations
 * and returns the first code that is not 0. */

#include <mpi.h>
#include <stdint.h>
#include <time.h>

enum { TAG = 3 };

/* Addresses and handles of one prepared case as 64-bit integers; a handle is an int in some libraries, a pointer in
 * others, and the cast is right for both. */
struct asked {
    int64_t send, receive, count, type, op, comm, peer, status;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int send(const struct asked *a)
{
    return MPI_Send((const void *)a->send, (int)a->count, (MPI_Datatype)a->type, (int)a->peer, TAG, (MPI_Comm)a->comm);
}

static int receive(const struct asked *a)
{
    return MPI_Recv((void *)a->receive, (int)a->count, (MPI_Datatype)a->type, (int)a->peer, TAG, (MPI_Comm)a->comm,
                    (MPI_Status *)a->status);
}

static int ping_once(const struct asked *a)
{
    int code = send(a);
    return code != 0 ? code : receive(a);
}

static int pong_once(const struct asked *a)
{
    int code = receive(a);
    return code != 0 ? code : send(a);
}

static int allreduce_once(const struct asked *a)
{
    return MPI_Allreduce((const void *)a->send, (void *)a->receive, (int)a->count, (MPI_Datatype)a->type, (MPI_Op)a->op,
                         (MPI_Comm)a->comm);
}

/* Inlined with a known operation into each function below, so that no call through a pointer stands in the interval. */
static inline int run(int (*once)(const struct asked *), const struct asked *a, int64_t samples, int64_t repeats,
                      int64_t *entered, int64_t *left)
{
    for (int64_t i = 0; i < samples; i++) {
        int64_t start = now_ns();
        for (int64_t k = 0; k < repeats; k++) {
            int code = once(a);
            if (code != 0)
                return code;
        }
        left[i] = now_ns();
        entered[i] = start;
    }
    return 0;
}

int ping(const struct asked *a, int64_t samples, int64_t repeats, int64_t *entered, int64_t *left)
{
    return run(ping_once, a, samples, repeats, entered, left);
}

int pong(const struct asked *a, int64_t samples, int64_t repeats, int64_t *entered, int64_t *left)
{
    return run(pong_once, a, samples, repeats, entered, left);
}

int allreduce(const struct asked *a, int64_t samples, int64_t repeats, int64_t *entered, int64_t *left)
{
    return run(allreduce_once, a, samples, repeats, entered, left);
}
