package backbone

import (
	"strconv"

	"github.com/detour-net/detour/internal/backbone/fabric"
	"github.com/detour-net/detour/internal/backbone/model"
)

// afiNames are the traffic classes as IS-IS's address families name them.
var afiNames = [2]string{fabric.IPv4: "IPV4", fabric.IPv6: "IPV6"}

// portKeys are the leaves of a configuration that decide about one end of a link, so that a commit looks them up and
// need not search.
type portKeys struct {
	enabled     string
	isisEnabled string
	levels      [3]levelKeys // by level
}

type levelKeys struct {
	enabled string
	af      [2]afKeys // by traffic class
}

type afKeys struct{ name, enabled, metric string }

func (r *Router) portKeys(name string) portKeys {
	k := portKeys{
		enabled:     model.Key(model.Join(interfacePath(name), model.E("config"), model.E("enabled"))),
		isisEnabled: model.Key(model.Join(r.isisInterface(name), model.E("config"), model.E("enabled"))),
	}
	for level := 1; level <= 2; level++ {
		k.levels[level].enabled = model.Key(model.Join(r.levelPath(name, level), model.E("config"), model.E("enabled")))
		for class := range afiNames {
			af := model.Join(r.afPath(name, level, class), model.E("config"))
			leaf := func(name string) string { return model.Key(model.Join(af, model.E(name))) }
			k.levels[level].af[class] = afKeys{name: leaf("afi-name"), enabled: leaf("enabled"), metric: leaf("metric")}
		}
	}
	return k
}

func interfacePath(name string) model.Elems {
	return model.Elems{model.E("interfaces"), model.E("interface", "name", name)}
}

func (r *Router) isisInterface(name string) model.Elems {
	return model.Join(r.isis, model.E("interfaces"), model.E("interface", "interface-id", name))
}

func (r *Router) levelPath(name string, level int) model.Elems {
	return model.Join(r.isisInterface(name), model.E("levels"), model.E("level", "level-number", strconv.Itoa(level)))
}

func (r *Router) afPath(name string, level, class int) model.Elems {
	return model.Join(r.levelPath(name, level), model.E("afi-safi"), model.E("af", "afi-name", afiNames[class], "safi-name", "UNICAST"))
}

func (r *Router) overloadKey() string {
	return model.Key(model.Join(r.isis, model.E("global"), model.E("lsp-bit"), model.E("overload-bit"), model.E("config"), model.E("set-bit")))
}

func (r *Router) multiTopologyKey() string {
	return model.Key(model.Join(r.isis, model.E("global"), model.E("afi-safi"),
		model.E("af", "afi-name", "IPV6", "safi-name", "UNICAST"), model.E("multi-topology"), model.E("config"), model.E("afi-name")))
}
