"""The demo song: arrangement, instruments, singing, mix and ground truth."""
