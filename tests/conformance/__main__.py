"""Write the lists of differences into the migration page."""

from tests.conformance.page import PAGE, with_tables

PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
