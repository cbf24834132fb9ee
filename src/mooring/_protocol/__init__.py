"""Sans-IO protocol machines: bytes in, facts out, nothing here touches a socket."""
