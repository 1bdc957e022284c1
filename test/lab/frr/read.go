package frr

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Config is isisd's configuration, as far as it is read here.
type Config struct {
	Interfaces map[string]InterfaceConfig // those that run IS-IS
	Overload   bool
	NET        string // network entity title: area, system identifier and selector
}

// InterfaceConfig is one interface's part of it.
type InterfaceConfig struct {
	Metric  uint32 // DefaultMetric when none is configured, which isisd does not tell apart
	Passive bool
}

// DefaultMetric is in force where none is configured.
const DefaultMetric = 10

// Circuit is the state of an interface in isisd.
type Circuit struct {
	Up     bool
	Metric uint32 // in force
}

// Neighbour is an adjacency as isisd shows it.
type Neighbour struct {
	SystemID string
	State    string // "up", "initializing", "down"
}

// LSP is one fragment of a link-state packet in the database.
type LSP struct {
	SystemID string
	Suffix   string // pseudonode and fragment number, "00-00"
	Sequence uint32
	Lifetime uint32 // seconds left
	Overload bool
	Reach    []Reach // extended IS reachability (RFC 5305, section 3)
}

// Reach is one neighbour that an LSP names. Parallel links are several.
type Reach struct {
	SystemID string
	Metric   uint32
}

func running(answer string) (Config, error) {
	var document struct {
		Lib struct {
			Interface []struct {
				Name string `json:"name"`
				ISIS *struct {
					Tag     string `json:"area-tag"`
					Passive bool   `json:"passive"`
					Metric  struct {
						Level2 uint32 `json:"level-2"`
					} `json:"metric"`
				} `json:"frr-isisd:isis"`
			} `json:"interface"`
		} `json:"frr-interface:lib"`
		ISIS struct {
			Instance []struct {
				Tag      string   `json:"area-tag"`
				Overload bool     `json:"overload"`
				NET      []string `json:"area-address"`
			} `json:"instance"`
		} `json:"frr-isisd:isis"`
	}
	if err := json.Unmarshal([]byte(answer), &document); err != nil {
		return Config{}, err
	}
	c := Config{Interfaces: map[string]InterfaceConfig{}}
	for _, i := range document.Lib.Interface {
		if i.ISIS != nil && i.ISIS.Tag == Instance {
			c.Interfaces[i.Name] = InterfaceConfig{Metric: cmp.Or(i.ISIS.Metric.Level2, DefaultMetric), Passive: i.ISIS.Passive}
		}
	}
	for _, i := range document.ISIS.Instance {
		if i.Tag == Instance {
			c.Overload, c.NET = i.Overload, strings.Join(i.NET, " ")
		}
	}
	return c, nil
}

func neighbours(answer string) (map[string][]Neighbour, error) {
	var document struct {
		Lib struct {
			Interface []struct {
				Name  string `json:"name"`
				State struct {
					ISIS struct {
						Adjacencies struct {
							Adjacency []struct {
								SystemID string `json:"neighbor-sysid"`
								State    string `json:"state"`
							} `json:"adjacency"`
						} `json:"adjacencies"`
					} `json:"frr-isisd:isis"`
				} `json:"state"`
			} `json:"interface"`
		} `json:"frr-interface:lib"`
	}
	if err := json.Unmarshal([]byte(answer), &document); err != nil {
		return nil, err
	}
	all := map[string][]Neighbour{}
	for _, i := range document.Lib.Interface {
		for _, a := range i.State.ISIS.Adjacencies.Adjacency {
			all[i.Name] = append(all[i.Name], Neighbour{a.SystemID, a.State})
		}
	}
	return all, nil
}

// circuits reads blocks that begin with "Interface: eth1, State: Up, Active, ..." and have, below the line of their level,
// "Metric: 100, Active neighbors: 1".
func circuits(answer string) (map[string]Circuit, error) {
	all := map[string]Circuit{}
	name := ""
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "Interface: "); ok {
			var state string
			name, state, _ = strings.Cut(text, ",")
			all[name] = Circuit{Up: strings.HasPrefix(strings.TrimSpace(state), "State: Up")}
			continue
		}
		text, ok := strings.CutPrefix(line, "Metric: ")
		if !ok || name == "" {
			continue
		}
		text, _, _ = strings.Cut(text, ",")
		metric, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("interface %s: %w", name, err)
		}
		c := all[name]
		c.Metric = uint32(metric)
		all[name] = c
	}
	return all, nil
}

// hostnames reads lines such as "2      0000.0000.0003 chi" and, for the router itself, "     * 0000.0000.0001 sea".
func hostnames(answer string) map[string]string {
	names := map[string]string{}
	for line := range strings.Lines(answer) {
		if f := strings.Fields(line); len(f) == 3 && strings.Count(f[1], ".") == 2 {
			names[f[1]] = f[2]
		}
	}
	return names
}

// database reads, for each LSP, a line such as "chi.00-00 * 164 0x00000003 0x96f7 1175 0/0/1" and, indented below it, its
// contents. LSPs are shown by hostname where it is known.
func database(answer string, hostnames map[string]string) ([]LSP, error) {
	ids := map[string]string{}
	for id, name := range hostnames {
		ids[name] = id
	}
	var all []LSP
	for line := range strings.Lines(answer) {
		f := strings.Fields(strings.ReplaceAll(line, "*", " "))
		switch {
		case !strings.HasPrefix(line, " ") && len(f) == 6 && strings.HasPrefix(f[2], "0x"):
			lsp, err := header(f, ids)
			if err != nil {
				return nil, err
			}
			all = append(all, lsp)
		case len(all) > 0 && strings.HasPrefix(strings.TrimSpace(line), "Extended Reachability: "):
			r, err := reach(f)
			if err != nil {
				return nil, err
			}
			last := &all[len(all)-1]
			last.Reach = append(last.Reach, r)
		}
	}
	return all, nil
}

func header(f []string, ids map[string]string) (LSP, error) {
	at := len(f[0]) - len(".00-00")
	if at < 1 {
		return LSP{}, fmt.Errorf("%q is no LSP identifier", f[0])
	}
	lsp := LSP{SystemID: f[0][:at], Suffix: f[0][at+1:], Overload: strings.HasSuffix(f[5], "/1")}
	if id, ok := ids[lsp.SystemID]; ok { // shown by its name
		lsp.SystemID = id
	}
	sequence, err := strconv.ParseUint(f[2], 0, 32)
	if err != nil {
		return LSP{}, fmt.Errorf("sequence number of %s: %w", f[0], err)
	}
	// An LSP that is being purged shows its age in brackets.
	lifetime, err := strconv.ParseUint(strings.Trim(f[4], "()"), 10, 32)
	if err != nil {
		return LSP{}, fmt.Errorf("lifetime of %s: %w", f[0], err)
	}
	lsp.Sequence, lsp.Lifetime = uint32(sequence), uint32(lifetime)
	return lsp, nil
}

// routes reads lines such as "10.255.0.4/32  20  eth3  10.64.0.26  -". What is the router's own has no interface; further next
// hops of a route stand on lines without a prefix.
func routes(answer string) map[netip.Prefix]bool {
	found := map[netip.Prefix]bool{}
	for line := range strings.Lines(answer) {
		f := strings.Fields(line)
		if len(f) < 3 || f[2] == "-" {
			continue
		}
		if prefix, err := netip.ParsePrefix(f[0]); err == nil {
			found[prefix] = true
		}
	}
	return found
}

// reach reads "Extended Reachability: 0000.0000.0002.00 (Metric: 100)".
func reach(f []string) (Reach, error) {
	if len(f) < 5 {
		return Reach{}, fmt.Errorf("%q is no reachability", strings.Join(f, " "))
	}
	metric, err := strconv.ParseUint(strings.TrimSuffix(f[4], ")"), 10, 32)
	if err != nil {
		return Reach{}, fmt.Errorf("metric of %s: %w", f[2], err)
	}
	i := strings.LastIndexByte(f[2], '.') // what follows numbers a pseudonode
	if i < 0 {
		return Reach{}, fmt.Errorf("%q is no neighbour", f[2])
	}
	return Reach{f[2][:i], uint32(metric)}, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
