"""Lambda on this machine: each concurrent invocation of a function has a process of its own.

In the order in which an event meets them:

    functions     every function of a template, by logical id: start, prewarm, recycle, stop
    hosting       what all pools stand on, and how one is made
    pool          the environments of one function: warm ones, a limit, a queue in front of them
    environment   one of them: an event at a time, timeout, crash, end
    process       its process: spawned, watched, killed with all that it started
    channel       the emulator's end of its socket
    bootstrap     the other end, and what runs there: loads the handler, calls it
    output        what it writes to stdout and stderr, by request
    result        what comes out

`inline` has threads of the emulator in place of processes (`--host-mode inline`).

`variables` are its environment, `runtimes` says what can run here, `faults` are the errors that are
Lambda's own. `invoke_api` serves all of it to the AWS SDKs.
"""
