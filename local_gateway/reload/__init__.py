"""Changes on disk, taken up while sockets stay open.

    watcher      which files have changed, in batches
    modules      which functions a changed file belongs to
    difference   what a changed template changes, and how that is said
    reloader     what is done about it

Nothing here runs for a message: what has changed is compiled anew, in place, when it has changed.
"""
