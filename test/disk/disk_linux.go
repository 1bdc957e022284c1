package disk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// size is what a disk takes, in bytes; only what is written takes memory.
const size = 1 << 30

// Disk has a file system that is mounted. Its methods are not for concurrent use, but for Slow.
type Disk struct {
	at     string // where it is mounted
	file   string // the device
	device *device
}

// Missing says what a Disk needs that is not here, "" if everything is.
func Missing() string {
	if os.Getuid() != 0 {
		return "root, to mount a disk"
	}
	for _, name := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(name); err != nil {
			return name
		}
	}
	for _, name := range []string{"mkfs.ext4", "mount"} {
		if _, err := exec.LookPath(name); err != nil {
			return name
		}
	}
	return ""
}

// New makes a disk with an empty file system, and mounts it at a directory that exists. Beside that a file of the same
// name and .disk is made, which is the device. An error says what this machine does not let it do.
func New(at string) (*Disk, error) {
	d := &Disk{at: at, file: filepath.Clean(at) + ".disk"}
	if err := os.WriteFile(d.file, nil, 0o600); err != nil {
		return nil, err
	}
	var err error
	if d.device, err = power(d.file, platter{}, size); err != nil {
		return nil, err
	}
	// The device is zero all over: nothing of it has to be written to be so.
	if err := run("mkfs.ext4", "-q", "-F", "-N", "4096", "-J", "size=16", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", d.file); err != nil {
		return nil, errors.Join(err, d.down())
	}
	if err := d.mount(); err != nil {
		return nil, errors.Join(err, d.down())
	}
	return d, nil
}

// mount mounts the file system; no background thread of it is to write by itself.
func (d *Disk) mount() error {
	return run("mount", "-t", "ext4", "-o", "loop,noinit_itable", d.file, d.at)
}

// run runs a command that what the terminal sends does not end: a disk that is only half mounted is of use to nobody.
func run(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// Slow has every flush from now on take so much longer, 0 for no longer than it does.
func (d *Disk) Slow(by time.Duration) { d.device.slow(by) }

// Cut cuts the power: what was not flushed is lost, or not, as chance has it, and nobody is answered any more. Whoever
// waits for the disk cannot be killed before Repower, and does nothing any more after it if it has been sent a SIGKILL by then.
func (d *Disk) Cut(rng *rand.Rand) { d.device.cut(rng) }

// Repower mounts what was left by Cut, once those that used the disk have gone, which it waits for: they have been sent
// a SIGKILL.
func (d *Disk) Repower() error {
	left := d.device.left
	if left == nil {
		return errors.New("the disk has power")
	}
	d.device.fail()
	if err := d.unmount(syscall.MNT_DETACH); err != nil {
		return err
	}
	var err error
	if d.device, err = power(d.file, left, size); err != nil {
		return err
	}
	return d.mount()
}

// Close unmounts the disk, and forgets what is on it. Nobody may be using it.
func (d *Disk) Close() error {
	d.device.fail()
	return d.unmount(0)
}

// unmount unmounts the file system and the device, and waits until the kernel is through with both.
func (d *Disk) unmount(flags int) error {
	if err := syscall.Unmount(d.at, flags); err != nil {
		return fmt.Errorf("unmount %s: %w", d.at, err)
	}
	return d.down()
}

// down unmounts the device, and waits until the kernel is through with it: a loop device lets go a little later than it is told.
func (d *Disk) down() error {
	if err := syscall.Unmount(d.file, syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", d.file, err)
	}
	<-d.device.ended
	return nil
}
