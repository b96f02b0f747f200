#include <erl_nif.h>

static ERL_NIF_TERM fahrenheit(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    int celsius;
    if (argc != 1 || !enif_get_int(env, argv[0], &celsius))
        return enif_make_badarg(env);
    return enif_make_int(env, celsius * 9 / 5 + 32);
}

static ErlNifFunc functions[] = {{"fahrenheit", 1, fahrenheit, 0}};

ERL_NIF_INIT(Elixir.Thermo, functions, NULL, NULL, NULL, NULL)
