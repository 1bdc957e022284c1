package device

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/discover"
)

// Accounts asks every router, all at once, for what it knows of itself, its neighbours and the network: one reading, by
// requests of at most Options.ReadTimeout each. They come in the inventory's order; a router that cannot be asked is in
// its place, silent and with the reason. What a router does not tell is left out.
func (f *Fleet) Accounts(ctx context.Context) []discover.Account {
	accounts := make([]discover.Account, len(f.order))
	var asking sync.WaitGroup
	for i, name := range f.order {
		asking.Go(func() {
			s := f.sessions[name]
			a := discover.Account{Router: name, At: f.opts.Now()}
			if err := s.tell(ctx, &a); err != nil {
				a = discover.Account{Router: name, At: a.At, Silent: explain(s.router, err).Error()}
			}
			accounts[i] = a
		})
	}
	asking.Wait()
	return accounts
}

// tell fills an account.
func (s *session) tell(ctx context.Context, a *discover.Account) error {
	if err := s.greet(ctx); err != nil {
		return err
	}
	p := s.profile.paths
	now := newCache(s.opts.TelemetryInterval)
	now.beginStates(false)
	heard := s.opts.Now()
	adjacencies, err := s.read(ctx, gnmi.GetRequest_STATE, p.adjacency.upTo("adjacencies").fill(nil))
	if err != nil {
		return fmt.Errorf("read adjacencies: %w", err)
	}
	metrics, err := s.read(ctx, gnmi.GetRequest_STATE, p.metricState.fill(nil))
	if err != nil {
		return fmt.Errorf("read the metrics in force: %w", err)
	}
	oper, err := s.read(ctx, gnmi.GetRequest_STATE, p.oper.fill(nil))
	if err != nil {
		return fmt.Errorf("read the state of interfaces: %w", err)
	}
	now.takeUpdates(p, slices.Concat(adjacencies, metrics, oper), heard)
	for _, t := range []template{p.portSpeed, p.lagSpeed, p.overload} {
		list, err := s.told(ctx, gnmi.GetRequest_STATE, t)
		if err != nil {
			return err
		}
		now.takeUpdates(p, list, heard)
	}
	now.completeStates()
	descriptions, err := s.told(ctx, gnmi.GetRequest_CONFIG, p.description)
	if err != nil {
		return err
	}
	database, err := s.told(ctx, gnmi.GetRequest_STATE, p.lspFlags.upTo("link-state-database"))
	if err != nil {
		return err
	}
	a.System, a.Overload, a.Database = s.systemID(), now.told(shownOf{}, heard).overload, p.packets(database)
	a.Ports = s.portsTold(now, p.adjacenciesOf(adjacencies), p.descriptionsOf(descriptions))
	return nil
}

// told reads what not every router has. An error means that the router cannot be asked any more.
func (s *session) told(ctx context.Context, kind gnmi.GetRequest_DataType, t template) ([]update, error) {
	list, err := s.get(ctx, kind, t.fill(nil))
	if hopeless(err) {
		return nil, fmt.Errorf("read %s: %w", t.text, err)
	}
	return list, nil
}

// portsTold are the IS-IS interfaces, by name.
func (s *session) portsTold(now *cache, adjacencies map[string][]discover.Adjacency, descriptions map[string]string) []discover.Port {
	var ports []discover.Port
	for _, id := range slices.Sorted(maps.Keys(s.knownLayout())) {
		of := s.shownOf(id)
		seen := now.end(of, s.opts.Now().Add(-s.opts.StaleAfter))
		ports = append(ports, discover.Port{
			Interface: id, Description: descriptions[of.port], Oper: seen.oper, Speed: seen.speed,
			Metrics: seen.isis, Adjacencies: adjacencies[id],
		})
	}
	return ports
}

func (p paths) descriptionsOf(list []update) map[string]string {
	texts := map[string]string{}
	for _, u := range list {
		for _, i := range p.description.find(u.path, u.value) {
			if text, err := word(i.value); err == nil {
				texts[i.names["port"]] = text
			}
		}
	}
	return texts
}

// adjacenciesOf are the adjacencies of each interface, in the order of level and system.
func (p paths) adjacenciesOf(list []update) map[string][]discover.Adjacency {
	found := map[string]*discover.Adjacency{}
	owner := map[string]string{}
	at := func(bind names) *discover.Adjacency {
		key := bind.key()
		if found[key] == nil {
			level, _ := strconv.Atoi(bind["level"]) // a level that is none joins nothing
			found[key] = &discover.Adjacency{Level: level, System: strings.ToLower(bind["system"])}
			owner[key] = bind["interface"]
		}
		return found[key]
	}
	for _, u := range list {
		for _, i := range p.adjacency.find(u.path, u.value) {
			state, err := enum(i.value)
			at(i.names).Up = err == nil && state == "UP"
		}
		for _, i := range p.circuit.find(u.path, u.value) {
			if n, err := number(i.value); err == nil {
				at(i.names).Circuit = uint32(n)
			}
		}
		for _, i := range p.peerCircuit.find(u.path, u.value) {
			if n, err := number(i.value); err == nil {
				at(i.names).Peer = uint32(n)
			}
		}
	}
	byInterface := map[string][]discover.Adjacency{}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		byInterface[owner[key]] = append(byInterface[owner[key]], *found[key])
	}
	return byInterface
}

// packets are the link-state packets, fragments of one sender on one level together. Those of a LAN's pseudonode are left
// out: it is no router.
func (p paths) packets(list []update) []discover.Packet {
	type sender struct {
		level  int
		system string
	}
	all := map[sender]*discover.Packet{}
	at := func(bind names) *discover.Packet {
		id := strings.ToLower(bind["lsp"])
		dot := strings.LastIndexByte(id, '.')
		level, err := strconv.Atoi(bind["level"])
		if dot < 0 || err != nil || !strings.HasPrefix(id[dot+1:], "00-") {
			return &discover.Packet{}
		}
		key := sender{level, id[:dot]}
		if all[key] == nil {
			all[key] = &discover.Packet{Level: level, System: key.system}
		}
		return all[key]
	}
	for _, u := range list {
		for _, i := range p.lspFlags.find(u.path, u.value) {
			if flags, err := words(i.value); err == nil {
				packet := at(i.names)
				packet.Overload = packet.Overload || slices.Contains(flags, "OVERLOAD")
			}
		}
		for _, i := range p.lspHost.find(u.path, u.value) {
			if names, err := words(i.value); err == nil && len(names) > 0 {
				at(i.names).Host = names[0]
			}
		}
		for _, i := range p.lspReach.find(u.path, u.value) {
			if n, err := number(i.value); err == nil && n <= network.MetricUnused {
				packet := at(i.names)
				packet.Reach = append(packet.Reach, discover.Reach{System: strings.ToLower(i.names["system"]), Metric: uint32(n)})
			}
		}
	}
	packets := make([]discover.Packet, 0, len(all))
	for _, packet := range all {
		slices.SortFunc(packet.Reach, func(a, b discover.Reach) int {
			return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Metric, b.Metric))
		})
		packets = append(packets, *packet)
	}
	slices.SortFunc(packets, func(a, b discover.Packet) int { return cmp.Or(a.Level-b.Level, cmp.Compare(a.System, b.System)) })
	return packets
}
