// Package disk is a disk with a power switch, for tests: a block device with a volatile write cache, and an ext4 file system on it
// that programs use like any other. When its power is cut it answers nobody any more, and holds what it was told to flush, and of what
// it was not told to flush any part at all, in pages of 4 KiB: a disk writes its cache out in whatever order it likes. Mounted
// again, the file system is what a machine finds after a power cut. A disk can be slow as well: then each flush takes longer.
//
// The device is a file that this process serves over FUSE; the kernel puts a loop device and the file system on top. So the order of
// writes and flushes is the kernel's own, every moment between two of them can be the last, and cutting is exact: what the
// disk has not answered, nobody can have taken for written.
//
// It takes Linux, root, /dev/fuse, a loop device, and mkfs.ext4: Missing says what is not there. A process that dies leaves
// its mounts behind, on which every access fails.
package disk
