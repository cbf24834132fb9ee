"""The pool core: who gets which connection, decided without I/O, clock or lock."""
