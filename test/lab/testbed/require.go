//go:build linux

package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// Root is where labs are. There is one such folder on a machine, as there is one set of namespaces, and it outlives no boot,
// as those do not either.
const Root = "/run/detour-lab"

const (
	daemons = "/usr/lib/frr" // of Debian's package, and of FRR's own
	account = "frr"          // that the daemons run as
)

// packages are what Install installs.
func packages() []string { return []string{"frr", "iproute2"} }

// requireRoot says that who is not root cannot make a lab, or take one away.
func requireRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("a lab makes network namespaces: run it as root")
	}
	return nil
}

// Require says what is missing for a lab on this machine, and what would help.
func Require() error {
	if err := requireRoot(); err != nil {
		return err
	}
	missing := missingDaemons(Zebra, ISISD)
	if _, err := exec.LookPath("tc"); err != nil {
		missing = append(missing, "tc")
	}
	if _, err := user.Lookup(account); err != nil {
		missing = append(missing, "the user "+account)
	}
	return lacking(missing)
}

// requireDaemons says which of FRR's daemons are missing, and what would help.
func requireDaemons(names ...Process) error { return lacking(missingDaemons(names...)) }

func missingDaemons(names ...Process) []string {
	var missing []string
	for _, name := range names {
		path := filepath.Join(daemons, string(name))
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, path)
		}
	}
	return missing
}

func lacking(missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("missing: %s. On Debian: apt-get install %s, or lab up --install", strings.Join(missing, ", "), strings.Join(packages(), " "))
}

// Install installs what a lab misses, with apt-get, and nothing where it misses nothing. Services that come along are kept from
// starting, unless the machine has its own rule for that (/usr/sbin/policy-rc.d, of Debian's invoke-rc.d).
func Install(ctx context.Context) error {
	if err := requireRoot(); err != nil {
		return err
	}
	if Require() == nil && requireDaemons(BFDD) == nil {
		return nil
	}
	const policy = "/usr/sbin/policy-rc.d"
	if _, err := os.Stat(policy); err != nil {
		if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
			return fmt.Errorf("keep services from starting: %w", err)
		}
		defer os.Remove(policy)
	}
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages()...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}
