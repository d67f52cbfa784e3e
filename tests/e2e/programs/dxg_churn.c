/* dxg_churn COUNT [BYTES]: makes COUNT allocations with BYTES of private data each, each freed at once. */
#include "dxg.h"

int main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)atoi(argv[1]) : 10, size = argc > 2 ? (uint32_t)atoi(argv[2]) : 64;
    struct dxg dxg = dxg_open();
    char *data = malloc(size + 8);
    for (uint32_t i = 0; i < count; i++) {
        memset(data, (int)i, size);
        memcpy(data, &i, size < 4 ? size : 4);
        dxg_destroy(&dxg, dxg_create(&dxg, data, size, 0x1000 + i));
    }
    free(data);
    printf("made %u allocations\n", count);
    return 0;
}
