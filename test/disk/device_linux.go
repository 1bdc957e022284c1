package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"
)

// The protocol of FUSE as far as one file needs it (the kernel's include/uapi/linux/fuse.h, version 7.31).
const (
	opForget, opGetattr, opOpen, opRead, opWrite, opRelease, opFsync, opFlush, opInit, opInterrupt, opDestroy, opBatchForget = 2, 3, 14, 15, 16, 18, 20, 25, 26, 36, 38, 42

	headerIn, headerOut = 40, 16
	ioIn                = 40 // what stands between the header and the data of a read or write
	fuseMajor           = 7
	fuseMinor           = 31
	bigWrites, maxPages = 1 << 5, 1 << 22
	maxWrite            = 1 << 20
	forGood             = 1 << 30 // s for which an answer holds
)

// device is one life of a disk, from power on to power off.
type device struct {
	fd    int
	size  uint64
	ended chan struct{} // closed when nobody has it open or mounted any more

	mu    sync.Mutex
	cache *cache
	delay time.Duration // of each flush
	left  platter       // what the disk holds since its power was cut, nil before

	off    chan struct{} // closed when power is cut
	failed chan struct{} // closed when those that wait since then are to be told so
	fail   func()
}

// power makes a device that is read and written as the file at path, which exists and is covered until it is unmounted.
func power(path string, holding platter, size uint64) (*device, error) {
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/fuse: %w", err)
	}
	d := &device{fd: fd, size: size, ended: make(chan struct{}), cache: newCache(holding), off: make(chan struct{}), failed: make(chan struct{})}
	d.fail = sync.OnceFunc(func() { close(d.failed) })
	options := fmt.Sprintf("fd=%d,rootmode=%o,user_id=0,group_id=0", fd, syscall.S_IFREG|0o600)
	if err := syscall.Mount("detour-disk", path, "fuse", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		return nil, errors.Join(fmt.Errorf("mount a disk at %s: %w", path, err), syscall.Close(fd))
	}
	go d.serve()
	return d, nil
}

// serve answers the kernel until the file is unmounted and nobody has it open.
func (d *device) serve() {
	defer close(d.ended)
	defer func() { _ = syscall.Close(d.fd) }() // nothing is left to be told
	for buf := make([]byte, headerIn+ioIn+maxWrite); ; {
		n, err := syscall.Read(d.fd, buf)
		switch {
		case err == syscall.EINTR || err == syscall.EAGAIN || err == syscall.ENOENT: // the last: who asked has given up
			continue
		case err != nil || n < headerIn:
			return
		}
		code, id := binary.NativeEndian.Uint32(buf[4:]), binary.NativeEndian.Uint64(buf[8:])
		if code == opForget || code == opBatchForget || code == opInterrupt {
			continue // which want no answer
		}
		body, errno := d.answer(code, buf[headerIn:n])
		out := binary.NativeEndian.AppendUint32(nil, uint32(headerOut+len(body)))
		out = binary.NativeEndian.AppendUint32(out, uint32(-int32(errno)))
		out = binary.NativeEndian.AppendUint64(out, id)
		_, _ = syscall.Write(d.fd, append(out, body...)) // who asked may have given up
	}
}

// answer does what is asked; once power is cut it does nothing, and comes back only to say so.
func (d *device) answer(code uint32, in []byte) ([]byte, syscall.Errno) {
	select {
	case <-d.off:
		<-d.failed
		return nil, syscall.EIO
	default:
	}
	body, errno := d.do(code, in)
	if code == opFsync {
		d.dawdle()
	}
	select {
	case <-d.off: // meanwhile; what was flushed is flushed, and nobody hears of it
		<-d.failed
		return nil, syscall.EIO
	default:
		return body, errno
	}
}

func (d *device) do(code uint32, in []byte) ([]byte, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left != nil {
		return nil, syscall.EIO
	}
	switch code {
	case opInit:
		out := words(nil, fuseMajor, fuseMinor, maxWrite, bigWrites|maxPages, 0, maxWrite, 1, maxWrite/uint32(os.Getpagesize()))
		return append(out, make([]byte, 64-len(out))...), 0
	case opGetattr:
		out := words(binary.NativeEndian.AppendUint64(nil, forGood), 0, 0)
		for _, v := range []uint64{1, d.size, d.size / 512, 0, 0, 0} {
			out = binary.NativeEndian.AppendUint64(out, v)
		}
		return words(out, 0, 0, 0, syscall.S_IFREG|0o600, 1, 0, 0, 0, pageSize, 0), 0
	case opOpen:
		return make([]byte, 16), 0
	case opRead:
		offset, size := span(in)
		out := make([]byte, min(uint64(size), d.size-min(d.size, offset)))
		d.cache.read(out, offset)
		return out, 0
	case opWrite:
		offset, size := span(in)
		if offset+uint64(size) > d.size || len(in) < ioIn+int(size) {
			return nil, syscall.ENOSPC
		}
		d.cache.write(in[ioIn:ioIn+int(size)], offset)
		return words(nil, size, 0), 0
	case opFsync:
		d.cache.flush()
		return nil, 0
	case opRelease, opFlush, opDestroy:
		return nil, 0
	}
	return nil, syscall.ENOSYS
}

// span is where a read or a write begins, and how long it is.
func span(in []byte) (offset uint64, size uint32) {
	return binary.NativeEndian.Uint64(in[8:]), binary.NativeEndian.Uint32(in[16:])
}

func words(b []byte, list ...uint32) []byte {
	for _, v := range list {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}

// dawdle takes the time that the disk takes for a flush.
func (d *device) dawdle() {
	d.mu.Lock()
	delay := d.delay
	d.mu.Unlock()
	if delay == 0 {
		return
	}
	select {
	case <-time.After(delay):
	case <-d.off:
	}
}

func (d *device) slow(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = by
}

// cut cuts the power. Whoever asks from now on waits for fail.
func (d *device) cut(rng *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == nil {
		d.left = d.cache.cut(rng)
		close(d.off)
	}
}
