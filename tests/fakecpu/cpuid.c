/* Show a process another CPU's CPUID.
 *
 * Loaded with LD_AUDIT, so that la_objopen sees each shared object after it is mapped and before any of its
 * constructors runs. FAKECPU_SITES names a text file of "object-name hex-address" lines, the places of true
 * `cpuid` instructions; each is replaced in memory by `ud2`, which has the same length and raises SIGILL. The
 * handler answers from FAKECPU_TABLE, lines of "leaf subleaf eax ebx ecx edx" in hex; an absent row reads as
 * zeros. Instructions still run on the real CPU: this shows which path a library chooses, and what it computes
 * there, but not another machine's arithmetic.
 */
#define _GNU_SOURCE
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { MAX_ROWS = 512, MAX_SITES = 4096, PAGE = 4096 };

struct row {
    unsigned leaf, sub, eax, ebx, ecx, edx;
};
struct site {
    char object[128];
    unsigned long address;
};

static struct row rows[MAX_ROWS];
static struct site sites[MAX_SITES];
static unsigned long patched[MAX_SITES];
static int row_count, site_count, patched_count, answered;

static void fail(const char *what)
{
    fprintf(stderr, "fakecpu: %s\n", what);
    _exit(97);
}

static FILE *open_named(const char *variable)
{
    const char *path = getenv(variable);
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file)
        fail(variable);
    return file;
}

static void on_sigill(int signal_number, siginfo_t *info, void *context)
{
    (void)info;
    greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
    int known = 0;
    for (int i = 0; i < patched_count && !known; i++)
        known = patched[i] == (unsigned long)reg[REG_RIP];
    if (!known) { /* somebody's real illegal instruction */
        signal(signal_number, SIG_DFL);
        return;
    }
    unsigned leaf = reg[REG_RAX], sub = reg[REG_RCX];
    struct row found = {0};
    for (int i = 0; i < row_count; i++) /* subleaf ffffffff: the leaf has none */
        if (rows[i].leaf == leaf && (rows[i].sub == sub || rows[i].sub == 0xffffffffu))
            found = rows[i];
    reg[REG_RAX] = found.eax;
    reg[REG_RBX] = found.ebx;
    reg[REG_RCX] = found.ecx;
    reg[REG_RDX] = found.edx;
    reg[REG_RIP] += 2;
    answered++;
}

static void load(void)
{
    FILE *file = open_named("FAKECPU_TABLE");
    struct row r;
    while (fscanf(file, "%x %x %x %x %x %x", &r.leaf, &r.sub, &r.eax, &r.ebx, &r.ecx, &r.edx) == 6) {
        if (row_count == MAX_ROWS)
            fail("too many rows");
        rows[row_count++] = r;
    }
    fclose(file);
    file = open_named("FAKECPU_SITES");
    struct site s;
    while (fscanf(file, "%127s %lx", s.object, &s.address) == 2) {
        if (site_count == MAX_SITES)
            fail("too many sites");
        sites[site_count++] = s;
    }
    fclose(file);
    struct sigaction action = {0};
    action.sa_sigaction = on_sigill;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    if (sigaction(SIGILL, &action, NULL))
        fail("sigaction");
}

unsigned la_version(unsigned version)
{
    (void)version;
    load();
    return LAV_CURRENT;
}

unsigned la_objopen(struct link_map *map, Lmid_t namespace, uintptr_t *cookie)
{
    (void)namespace;
    (void)cookie;
    const char *slash = strrchr(map->l_name, '/');
    const char *name = slash ? slash + 1 : map->l_name;
    for (int i = 0; i < site_count; i++) {
        if (strcmp(sites[i].object, name))
            continue;
        unsigned char *at = (unsigned char *)(map->l_addr + sites[i].address);
        unsigned char *page = (unsigned char *)((unsigned long)at & ~(PAGE - 1ul));
        if (mprotect(page, at + 2 - page, PROT_READ | PROT_WRITE | PROT_EXEC))
            fail("mprotect");
        if (at[0] != 0x0f || at[1] != 0xa2)
            fail("a listed site is not a cpuid instruction");
        at[1] = 0x0b;
        mprotect(page, at + 2 - page, PROT_READ | PROT_EXEC);
        patched[patched_count++] = (unsigned long)at;
    }
    return 0;
}

__attribute__((destructor)) static void report(void)
{
    if (row_count && getenv("FAKECPU_VERBOSE"))
        fprintf(stderr, "fakecpu: %d sites, %d answers\n", patched_count, answered);
}
