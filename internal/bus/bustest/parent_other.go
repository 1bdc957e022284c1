//go:build !linux

package bustest

import "syscall"

// withParent leaves it to the child to notice that nobody holds its standard input any more.
func withParent() *syscall.SysProcAttr { return nil }
