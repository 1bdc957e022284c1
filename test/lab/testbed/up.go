//go:build linux

package testbed

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/sync/errgroup"

	"github.com/detour-net/detour/internal/backbone/authority"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/plan"
)

// Config is what a lab is brought up with.
type Config struct {
	Name      string
	Topology  *network.Topology
	Timers    plan.Timers
	BFD       bool         // on every link
	FirstPort int          // of the agents, which take one after the other; 0: any that are free
	Binary    string       // the program whose "agent" is the agent; it is copied into the lab
	Say       func(string) // is told when a router had to be helped; nil: nobody is
}

// Names of a lab's files, beside a folder for each router.
const (
	FileInventory = "inventory.yaml"
	FileTopology  = "topology.yaml"
	fileLab       = "lab.json"
	fileBinary    = "lab"
	fileCA        = "ca.pem"
	fileCert      = "client.pem"
	fileKey       = "client.key"
)

// Bed is a lab that is up.
type Bed struct{ *plan.Lab }

// Up brings a lab up and waits until every router reaches every other, with a little help where one does not come to. When it
// fails it leaves nothing behind.
func Up(ctx context.Context, cfg Config) (*Bed, error) {
	if err := Require(); err != nil {
		return nil, err
	}
	if cfg.BFD {
		if err := requireDaemons(BFDD); err != nil {
			return nil, err
		}
	}
	if err := plan.CheckName(cfg.Name); err != nil {
		return nil, err
	}
	release, err := claim(cfg.Name)
	if err != nil {
		return nil, err
	}
	defer release()
	if left, err := Find(cfg.Name); err != nil {
		return nil, err
	} else if !left.Empty() {
		return nil, fmt.Errorf("lab %s is up already, or was left behind (%s): take it down first, with lab down --name %s", cfg.Name, left, cfg.Name)
	}
	ports, err := choosePorts(cfg.FirstPort, len(cfg.Topology.Routers))
	if err != nil {
		return nil, err
	}
	lab, err := plan.New(cfg.Topology, plan.Options{Name: cfg.Name, Root: Root, Timers: cfg.Timers, BFD: cfg.BFD, Ports: ports})
	if err != nil {
		return nil, err
	}
	b := &Bed{lab}
	if err := b.raise(ctx, cfg); err != nil {
		_, down := takeAway(cfg.Name)
		return nil, errors.Join(err, down)
	}
	return b, nil
}

// Open finds a lab that is up.
func Open(name string) (*Bed, error) {
	if err := plan.CheckName(name); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(Root, name, fileLab))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("lab %s is not up", name)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("lab %s is root's: run it as root", name)
	case err != nil:
		return nil, err
	}
	b := &Bed{&plan.Lab{}}
	if err := json.Unmarshal(raw, b.Lab); err != nil {
		return nil, fmt.Errorf("lab %s: %s: %w", name, fileLab, err)
	}
	return b, nil
}

func (b *Bed) raise(ctx context.Context, cfg Config) error {
	if err := b.write(cfg.Binary); err != nil {
		return fmt.Errorf("write the lab's files: %w", err)
	}
	if err := netns.Build(b.Lab); err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	for i := range b.Routers {
		r := &b.Routers[i]
		group.Go(func() error {
			for _, daemon := range daemonsOf(r) {
				if err := startDaemon(within, r, string(daemon)); err != nil {
					return err
				}
			}
			return b.startAgent(within, r)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	helper := help{lab: b.Lab, restart: b.restartISISD, now: time.Now, say: cfg.Say, since: map[string]time.Time{}, helped: map[string]bool{}}
	return b.await(ctx, helper.see)
}

// choosePorts finds free ports. Nobody keeps them until the agents listen.
func choosePorts(first, count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		want := 0
		if first > 0 {
			want = first + i
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(want)))
		if err != nil {
			return nil, fmt.Errorf("port %d is not free: choose another first port, or 0 for any: %w", want, err)
		}
		defer l.Close() // not before all are chosen
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// write makes the lab's folder with everything in it.
func (b *Bed) write(binary string) error {
	frr, err := user.Lookup(account)
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(frr.Uid) // numbers on Unix
	gid, _ := strconv.Atoi(frr.Gid)
	auth, err := authority.New("detour lab " + b.Name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return err
	}
	for i := range b.Routers {
		r := &b.Routers[i]
		if err := os.MkdirAll(AgentDir(r), 0o755); err != nil {
			return err
		}
		if err := os.Chown(r.Dir, uid, gid); err != nil {
			return err
		}
		cert, key, err := issue(auth, r.Name, x509.ExtKeyUsageServerAuth)
		if err != nil {
			return err
		}
		// The daemons read their configuration as the user that they run as; the rest is root's.
		err = writeFiles(map[string][]byte{
			filepath.Join(r.Dir, "zebra.conf"): []byte(r.Zebra()), filepath.Join(r.Dir, "isisd.conf"): []byte(r.ISISD()),
			filepath.Join(r.Dir, "bfdd.conf"): []byte(r.BFDD()),
		}, 0o644)
		if err != nil {
			return err
		}
		err = writeFiles(map[string][]byte{
			filepath.Join(AgentDir(r), "cert.pem"): cert, filepath.Join(AgentDir(r), "key.pem"): key, filepath.Join(AgentDir(r), fileCA): auth.PEM(),
		}, 0o600)
		if err != nil {
			return err
		}
	}
	return b.writeShared(auth, binary)
}

// writeShared writes what is not one router's.
func (b *Bed) writeShared(auth *authority.Authority, binary string) error {
	cert, key, err := issue(auth, "detour", x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	for i := range b.Topology.Routers {
		r := &b.Topology.Routers[i]
		r.Credentials, r.TLS = network.Credentials{}, network.RouterTLS{CA: fileCA, Cert: fileCert, Key: fileKey, ServerName: r.Name}
	}
	inventory, err := yaml.Marshal(map[string]any{"routers": b.Topology.Routers})
	if err != nil {
		return err
	}
	topology, err := yaml.Marshal(map[string]any{"links": b.Topology.Links})
	if err != nil {
		return err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.Dir, fileBinary), program, 0o755); err != nil {
		return err
	}
	lab, err := json.MarshalIndent(b.Lab, "", "  ")
	if err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(b.Dir, name) }
	return writeFiles(map[string][]byte{
		in(fileCA): auth.PEM(), in(fileCert): cert, in(fileKey): key,
		in(FileInventory): inventory, in(FileTopology): topology, in(fileLab): lab,
	}, 0o600)
}

func issue(auth *authority.Authority, name string, usage x509.ExtKeyUsage) (cert, key []byte, err error) {
	pair, err := auth.Issue(name, usage)
	if err != nil {
		return nil, nil, err
	}
	return authority.Encode(pair)
}

func writeFiles(files map[string][]byte, mode os.FileMode) error {
	for name, content := range files {
		if err := os.WriteFile(name, content, mode); err != nil {
			return err
		}
	}
	return nil
}
