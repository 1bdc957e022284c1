//go:build !linux

package disk

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Disk is for Linux.
type Disk struct{}

// Missing says what a Disk needs that is not here.
func Missing() string { return "Linux" }

// New makes no disk.
func New(string) (*Disk, error) { return nil, errors.ErrUnsupported }

// Slow is for Linux.
func (d *Disk) Slow(time.Duration) {}

// Cut is for Linux.
func (d *Disk) Cut(*rand.Rand) {}

// Repower is for Linux.
func (d *Disk) Repower() error { return errors.ErrUnsupported }

// Close is for Linux.
func (d *Disk) Close() error { return nil }
