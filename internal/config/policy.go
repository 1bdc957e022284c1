package config

import (
	"errors"
	"fmt"
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/config/strict"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators"
)

// PolicyFile is the file of a policy. It is read anew while the service runs.
type PolicyFile struct {
	path   string
	reader *bounded.Reader
}

// NewPolicyFile is the policy's file at path.
func NewPolicyFile(path string) PolicyFile { return PolicyFile{path, new(bounded.Reader)} }

// Read returns what the file holds, unread.
func (f PolicyFile) Read() ([]byte, error) {
	raw, _, err := f.reader.Read(f.path, strict.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return raw, nil
}

// LoadPolicy reads the policy at path and checks its rules against the remediators of this binary.
func LoadPolicy(path string) (*policy.Policy, error) {
	raw, err := NewPolicyFile(path).Read()
	if err != nil {
		return nil, err
	}
	return parsePolicy(path, raw)
}

func parsePolicy(path string, raw []byte) (*policy.Policy, error) {
	p, err := policy.Parse(path, raw)
	if err != nil {
		return nil, err
	}
	if err := p.CheckRules(remediators.Check); err != nil {
		return nil, err
	}
	return p, nil
}

// ParsePolicy parses what the configuration's policy file was found to hold, and checks it as Load does, also against the
// rest of the configuration: what of it is known to the network, and whether telemetry comes often enough.
func (c *Config) ParsePolicy(raw []byte) (*policy.Policy, error) {
	p, err := parsePolicy(c.Files.Policy, raw)
	if err != nil {
		return nil, err
	}
	doc := c.doc.Fresh()
	if fresh := p.Clocks().Fresh; c.Telemetry.Interval >= fresh {
		doc.Bad("telemetry.interval", "%s: the policy acts only on what is at most %s old (clocks.fresh in %s); want less", c.Telemetry.Interval, fresh, p.Name())
	}
	if err := errors.Join(doc.Err(), c.keeps(p)); err != nil {
		return nil, err
	}
	return p, nil
}

// keeps complains of routers and links that the policy would keep, and of scopes that it would keep still, that the network
// does not have.
func (c *Config) keeps(p *policy.Policy) error {
	if c.Resolver == nil {
		return nil // the network cannot be read, which is said elsewhere
	}
	scopes := c.Resolver.Scopes()
	return errors.Join(p.CheckKeep(
		func(name string) bool { _, ok := c.Resolver.Device(name); return ok },
		func(name string) bool { _, ok := c.Resolver.Link(name); return ok },
	), p.CheckWindows(func(s events.Scope) bool { return slices.Contains(scopes, s) }))
}
