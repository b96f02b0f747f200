{application, plain, [
    {description, "A release that make builds"},
    {vsn, "@VERSION@"},
    {modules, [plain]},
    {registered, [plain]},
    {mod, {plain, []}},
    {applications, [kernel, stdlib]}
]}.
