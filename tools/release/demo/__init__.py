"""The demo song's workshop: arrangement, instruments, voice, mix and truth, one file each."""
