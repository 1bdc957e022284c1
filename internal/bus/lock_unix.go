//go:build unix

package bus

import (
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes the exclusive lock on f, or says at once that another process holds it.
func tryLock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
