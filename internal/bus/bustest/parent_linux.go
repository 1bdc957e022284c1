package bustest

import "syscall"

// withParent has a child die when the test does, also one that is stopped and notices nothing, and not by what the terminal sends to
// the test, which may want to come to its end.
func withParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
