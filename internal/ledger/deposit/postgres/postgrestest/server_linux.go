package postgrestest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is the account that a server runs as when the tests are run by root, which PostgreSQL refuses.
const nobody = 65534

// Server is a real PostgreSQL server in a folder of its own, which listens on a socket there and nowhere else.
type Server struct {
	t   testing.TB
	bin string
	dir string
	run *running

	database string // that a test has to itself
}

// running is the server's process, whoever asks for it.
type running struct{ proc *exec.Cmd }

// Raise starts a server; without PostgreSQL on this machine the test is left out, or fails where DETOUR_POSTGRES is 1.
func Raise(t testing.TB) *Server {
	t.Helper()
	bin := programs()
	if bin == "" {
		const how = "no PostgreSQL server is installed; on Debian: apt-get install postgresql"
		if os.Getenv("DETOUR_POSTGRES") == "1" {
			t.Fatal(how)
		}
		t.Skip("LEFT OUT: " + how)
	}
	dir, err := os.MkdirTemp("/tmp", "detour-pg") // a socket's path may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{t: t, bin: bin, dir: dir, run: &running{}, database: "postgres"}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.command("initdb", "-D", dir+"/data", "-U", "detour", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// programs is the folder of the server's programs, "" if there are none.
func programs() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil { // where the others are, too
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// command is one of the server's programs, as an account without rights, that dies with this process.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir, c.SysProcAttr = s.dir, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH"), "HOME=" + s.dir}
	if os.Getuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return c
}

// Start starts the server and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.run.proc = s.command("postgres", "-D", s.dir+"/data", "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off")
	if err := s.run.proc.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		err := s.command("pg_isready", "-q", "-h", s.dir).Run()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server does not answer: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Kill ends the server at once, as if it had crashed.
func (s *Server) Kill() {
	if s.run.proc == nil {
		return
	}
	_ = s.run.proc.Process.Signal(syscall.SIGQUIT) // which ends all of its processes
	err := s.run.proc.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		s.t.Error(err)
	}
	s.run.proc = nil
}

// URL is the server's address.
func (s *Server) URL() string { return "postgres://detour@/" + s.database + "?host=" + s.dir }

// Fresh is the server with a database of its own for t.
func (s *Server) Fresh(t testing.TB, name string) *Server {
	t.Helper()
	s.Ask("create database " + name)
	own := *s
	own.t, own.database = t, name
	return &own
}

// Ask runs one statement and returns what it says, line by line.
func (s *Server) Ask(sql string) string {
	s.t.Helper()
	out, err := s.command("psql", "-AtX", "-h", s.dir, "-U", "detour", "-d", s.database, "-c", sql).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}
