#include <stdio.h>

/* Answers every line with a temperature. */
int main(void)
{
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        puts("21");
        fflush(stdout);
    }
    return 0;
}
