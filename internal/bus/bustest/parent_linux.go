package bustest

import "syscall"

// withParent has a child die when the test does, also one that is stopped and notices nothing.
func withParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
