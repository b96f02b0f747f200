#include <erl_nif.h>

static ERL_NIF_TERM answer(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) { return enif_make_int(env, 42); }

static ErlNifFunc functions[] = {{"answer", 0, answer}};

ERL_NIF_INIT(sample_nif, functions, NULL, NULL, NULL, NULL)
