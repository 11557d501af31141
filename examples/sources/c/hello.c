#include <stdio.h>
#include <zlib.h>

int main(void)
{
    printf("hello, built with zlib %s on %s\n", zlibVersion(), BUILT_FOR);
    return 0;
}
