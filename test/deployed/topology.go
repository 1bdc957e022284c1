package main

import (
	"bufio"
	"context"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/backbone/authority"
)

// nobody is the user of deployments/container/Dockerfile.
const nobody = 65532

//go:embed policy.yaml
var policy string

// topology is the composition as plain processes of this machine, before simulated routers. Replicas are nobody where this
// process may say so, and then nothing on this machine is theirs to write.
type topology struct {
	dir      string
	binary   string
	parts    composition
	net      *backbone.Network
	bus      *trunk
	replicas []*replica
	files    string // where deployments is
}

// replica is one `detour serve`.
type replica struct {
	name string
	cmd  *exec.Cmd
	done chan error    // how it ended, once
	told *net.UnixConn // what it tells its supervisor
	url  string
	log  string
}

// raise brings everything up below dir, which exists and is empty, and returns when every replica says that it is ready. end
// takes it down again, also after an error.
func raise(ctx context.Context, dir, deployments, binary string) (t *topology, err error) {
	t = &topology{dir: dir, binary: binary, files: deployments}
	if t.parts, err = compose(deployments); err != nil {
		return t, err
	}
	for _, step := range []func() error{
		func() error { return os.Chmod(dir, 0o755) }, t.raiseRouters,
		func() (err error) { t.bus, err = raiseTrunk(dir, deployments); return err },
		t.writeSecrets, t.writeConfigs, t.handOver,
		func() error { return t.setUp(ctx) },
	} {
		if err := step(); err != nil {
			return t, err
		}
	}
	for _, name := range t.parts.named("detour-") {
		r, err := t.start(name)
		if err != nil {
			return t, err
		}
		t.replicas = append(t.replicas, r)
	}
	for _, r := range t.replicas {
		if err := r.await("READY=1"); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (t *topology) end() {
	for _, r := range t.replicas {
		_ = r.cmd.Process.Kill() // it may have gone
		<-r.done
		r.told.Close()
	}
	if t.bus != nil && t.bus.servers != nil {
		t.bus.close()
	}
	if t.net != nil {
		t.net.Close()
	}
}

func (t *topology) path(name string) string { return filepath.Join(t.dir, name) }

func (t *topology) raiseRouters() (err error) {
	if t.net, err = backbone.Start(backbone.Config{
		Topology: backbone.Abilene(), LoadTarget: 0.1, RequireClientCert: true, Username: "detour", Password: uuid.NewString(),
	}); err != nil {
		return err
	}
	routers, err := t.net.Inventory(t.dir)
	if err != nil {
		return err
	}
	if err := backbone.WriteFiles(t.dir, routers, t.net.Topology().Links); err != nil {
		return err
	}
	return os.WriteFile(t.path("policy.yaml"), []byte(policy), 0o600)
}

// writeSecrets makes what the composition calls secrets, those of the bus aside that are there already.
func (t *topology) writeSecrets() error {
	for _, who := range []string{service, setup} {
		if _, err := t.bus.identity(who); err != nil {
			return err
		}
	}
	web, err := t.bus.auth.Issue("localhost", x509.ExtKeyUsageServerAuth)
	if err != nil {
		return err
	}
	cert, key, err := authority.Encode(web)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"web-cert": string(cert), "web-key": string(key), "token-operator": uuid.NewString(),
		"tokens": "tokens: [{name: operator, roles: [operator, approver, viewer], token: \"file:token-operator\"}]\n",
	} {
		if err := os.WriteFile(t.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for name := range t.parts.Secrets {
		if _, err := os.Stat(t.path(name)); err != nil {
			return fmt.Errorf("secret of the composition: %w", err)
		}
	}
	return nil
}

// here has a text of a service mean this machine. The operator's files lie in the topology's own folder.
func (t *topology) here(name string) (*strings.Replacer, error) {
	pairs, err := t.parts.mounted(name, t.files, t.dir, t.dir)
	if err != nil {
		return nil, err
	}
	pairs = append([]string{"/etc/detour/detour.yaml", t.path(name + ".yaml"), "0.0.0.0:8443", "127.0.0.1:0"}, pairs...)
	return strings.NewReplacer(append(pairs, t.bus.near...)...), nil
}

// writeConfigs has the shared configuration say, for each service that reads it, what it finds here. It is live.
func (t *topology) writeConfigs() error {
	raw, err := os.ReadFile(filepath.Join(t.files, filepath.Dir(composeFile), "detour.yaml"))
	if err != nil {
		return err
	}
	for _, name := range append(t.parts.named("detour-"), t.parts.named("setup")...) {
		here, err := t.here(name)
		if err != nil {
			return err
		}
		text := strings.Replace(here.Replace(string(raw)), "mode: dry-run", "mode: live", 1) +
			"replica: {name: " + name + "}\ntelemetry: {interval: 100ms}\n"
		if err := os.WriteFile(t.path(name+".yaml"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// handOver gives what is to be read to nobody, and nothing to write to.
func (t *topology) handOver() error {
	if os.Getuid() != 0 {
		return nil
	}
	return filepath.WalkDir(t.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != t.dir: // the servers' data
			return fs.SkipDir
		case d.IsDir(), path == t.binary:
			return nil
		}
		return errors.Join(os.Chown(path, nobody, nobody), os.Chmod(path, 0o400))
	})
}

// command is how a service of the composition runs here.
func (t *topology) command(ctx context.Context, name string) (*exec.Cmd, error) {
	here, err := t.here(name)
	if err != nil {
		return nil, err
	}
	var args []string
	for _, arg := range t.parts.Services[name].Command {
		args = append(args, here.Replace(arg))
	}
	cmd := exec.CommandContext(ctx, t.binary, args...)
	cmd.Dir, cmd.Env = t.dir, []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd, nil
}

// setUp runs the one-shot that makes the streams.
func (t *topology) setUp(ctx context.Context) error {
	cmd, err := t.command(ctx, "setup")
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("set up: %w\n%s", err, out)
	}
	return nil
}

// start starts a replica and waits until it says where it serves.
func (t *topology) start(name string) (*replica, error) {
	cmd, err := t.command(context.Background(), name)
	if err != nil {
		return nil, err
	}
	r := &replica{name: name, cmd: cmd, done: make(chan error, 1), log: t.path(name + ".log")}
	logs, err := os.Create(r.log)
	if err != nil {
		return nil, err
	}
	defer logs.Close() // the child has it too
	socket := t.path(name + ".notify")
	if r.told, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"}); err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		return nil, err
	}
	cmd.Env, cmd.Stderr = append(cmd.Env, "NOTIFY_SOCKET="+socket), logs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	said := make(chan string, 1)
	go func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			if words := strings.Fields(scan.Text()); words[0] == "replica" {
				said <- words[len(words)-1]
			}
		}
		close(said)
		r.done <- cmd.Wait()
	}()
	url, ok := <-said
	if r.url = url; !ok {
		return nil, fmt.Errorf("%s ended before it served: %w\n%s", name, <-r.done, r.tail())
	}
	return r, nil
}

// await waits until the replica has told its supervisor so.
func (r *replica) await(state string) error {
	if err := r.told.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for b := make([]byte, 256); ; {
		n, err := r.told.Read(b)
		if err != nil {
			return fmt.Errorf("%s does not say %s: %w\n%s", r.name, state, err, r.tail())
		}
		if string(b[:n]) == state {
			return nil
		}
	}
}

// tail is the end of its log.
func (r *replica) tail() string {
	raw, err := os.ReadFile(r.log)
	if err != nil {
		return err.Error()
	}
	const enough = 4000
	return string(raw[max(0, len(raw)-enough):])
}
