"""Where a daemon keeps what must survive it: one writer, many readers, migrations, and the outbox."""
