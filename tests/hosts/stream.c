/* What a plain C program reads of the same link: windows of messages one way, each acknowledged, as bandwidth/mpi has them.

   mpirun -n 2 stream BYTES WINDOW WINDOWS; rank 0 prints bytes a second of each window but the first, a line each. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    int rank, bytes, window, windows;
    MPI_Init(&argc, &argv);
    if (argc != 4) MPI_Abort(MPI_COMM_WORLD, 2);
    bytes = atoi(argv[1]);
    window = atoi(argv[2]);
    windows = atoi(argv[3]);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    char *memory = malloc((size_t)bytes * window);
    memset(memory, rank, (size_t)bytes * window);
    MPI_Request *requests = malloc(sizeof *requests * window);
    for (int turn = 0; turn <= windows; turn++) {
        double begun = MPI_Wtime();
        for (int i = 0; i < window; i++) {
            char *slot = memory + (size_t)bytes * i;
            if (rank == 0) MPI_Isend(slot, bytes, MPI_BYTE, 1, 1, MPI_COMM_WORLD, &requests[i]);
            else MPI_Irecv(slot, bytes, MPI_BYTE, 0, 1, MPI_COMM_WORLD, &requests[i]);
        }
        MPI_Waitall(window, requests, MPI_STATUSES_IGNORE);
        if (rank == 0) MPI_Recv(NULL, 0, MPI_BYTE, 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        else MPI_Send(NULL, 0, MPI_BYTE, 0, 2, MPI_COMM_WORLD);
        if (rank == 0 && turn > 0) printf("%.0f\n", (double)bytes * window / (MPI_Wtime() - begun));
    }
    return MPI_Finalize();
}
