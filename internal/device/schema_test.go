package device

import (
	"testing"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
)

func ietf(text string) *gnmi.TypedValue {
	return &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonIetfVal{JsonIetfVal: []byte(text)}}
}

func loadedSchema(t testing.TB) *schema {
	t.Helper()
	s, err := newSchema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestValidate(t *testing.T) {
	s := loadedSchema(t)
	p, err := profileNamed("")
	if err != nil {
		t.Fatal(err)
	}
	ref := events.LeafRef{Leaf: events.ISISMetric, Interface: "ethernet-1/1", Level: 2, Family: events.IPv6}
	path, err := p.configPath(place{"DEFAULT", "CORE"}, ref)
	if err != nil {
		t.Fatal(err)
	}
	for text, valid := range map[string]bool{
		"16777214": true, "10": true,
		`"10"`: false, `"GLOBAL_METRIC"`: false, "-1": false, "4294967296": false, "true": false, "{}": false,
	} {
		if err := s.validate(path, ietf(text)); (err == nil) != valid {
			t.Errorf("%s: error %v, want valid: %t", text, err, valid)
		}
	}
	if err := s.validate(path, nil); err != nil {
		t.Errorf("delete: %v", err)
	}
	misspelt := p.paths.metric.fill(place{"DEFAULT", "CORE"}.names(ref))
	misspelt.Elem = append(misspelt.Elem[:len(misspelt.Elem)-1], &gnmi.PathElem{Name: "metrik"})
	if err := s.validate(misspelt, nil); err == nil {
		t.Error("a path that the schema does not have was accepted for a delete")
	}
	if err := s.validate(misspelt, ietf("10")); err == nil {
		t.Error("a path that the schema does not have was accepted for an update")
	}
}

// Every path that the OpenConfig profile names exists in OpenConfig. The one left out, isisPort, is not part of our
// generated schema.
func TestOpenConfigPathsExist(t *testing.T) {
	s, p := loadedSchema(t), openConfigPaths()
	all := []template{
		p.metric, p.metricState, p.adjacency, p.isisInterface, p.levelNumber, p.levelEnabled, p.family,
		p.familyEnabled, p.globalFamily, p.levelCapability, p.multiTopo, p.oper, p.description, p.counters, p.bootTime, p.software,
	}
	for _, counter := range p.counter {
		all = append(all, counter)
	}
	bind := names{
		"instance": "DEFAULT", "protocol": "CORE", "interface": "i", "port": "i", "level": "2", "family": "IPV4", "system": "0000.0000.0001",
	}
	for _, path := range all {
		if err := s.validate(path.fill(bind), nil); err != nil {
			t.Errorf("%s: %v", path.text, err)
		}
	}
}
