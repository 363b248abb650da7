"""`--host-mode inline`: Python handlers in threads of the emulator's own process.

For breakpoints, and for speed: nothing is sent to another process. An environment is a thread, with
what Lambda gives each environment for itself as far as one process can:

    namespace     its own copy of the function's modules and layers
    shared        its own variables, standard output, standard error, loggers
    environment   one event at a time
    pool          the environments of one function, as `lambdas.pool` has them

What one process can't: a handler that runs into its timeout is given up, and its thread goes on;
`os._exit` and what crashes the interpreter end the emulator; installed packages, the working
folder, signals, and the variables that C code and child processes see, are the emulator's.
"""
