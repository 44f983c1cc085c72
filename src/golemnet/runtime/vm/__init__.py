"""Virtual machines as environments: a machine for each activity, by QEMU."""
