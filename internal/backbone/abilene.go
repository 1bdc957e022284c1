package backbone

import (
	"fmt"
	"math"
	"strings"

	"github.com/detour-net/detour/internal/network"
)

// city is where a router of Abilene stood.
type city struct {
	code, name          string
	latitude, longitude float64
}

// Cities and links of Abilene are from the Internet Topology Zoo (S. Knight, H. X. Nguyen, N. Falkner, R. Bowden,
// M. Roughan, "The Internet Topology Zoo", IEEE JSAC 29(9), 2011), repository mroughan/InternetTopologyZoo, licensed
// under CC BY 4.0. Codes, order, metrics, capacities and interface names are ours.
var (
	abileneCities = [...]city{
		{"sea", "Seattle", 47.60621, -122.33207},
		{"snv", "Sunnyvale", 37.36883, -122.03635},
		{"lax", "Los Angeles", 34.05223, -118.24368},
		{"den", "Denver", 39.73915, -104.9847},
		{"kcy", "Kansas City", 39.11417, -94.62746},
		{"hou", "Houston", 29.76328, -95.36327},
		{"chi", "Chicago", 41.85003, -87.65005},
		{"ipl", "Indianapolis", 39.76838, -86.15804},
		{"atl", "Atlanta", 33.749, -84.38798},
		{"nyc", "New York", 40.71427, -74.00597},
		{"wdc", "Washington DC", 38.89511, -77.03637},
	}
	abileneLinks = [...][2]string{
		{"sea", "snv"}, {"sea", "den"}, {"snv", "lax"}, {"snv", "den"}, {"lax", "hou"}, {"den", "kcy"}, {"kcy", "hou"},
		{"kcy", "ipl"}, {"hou", "atl"}, {"chi", "ipl"}, {"chi", "nyc"}, {"ipl", "atl"}, {"atl", "wdc"}, {"nyc", "wdc"},
	}
)

// Abilene is the backbone of Internet2 as it was in 2005: 11 routers and 14 links of 10 Gb/s, from coast to coast. The
// metric of a link is the great-circle distance of its cities in kilometres; a router's interfaces are ethernet-1/1,
// ethernet-1/2 and so on, in the order of its links.
func Abilene() *network.Topology {
	t := &network.Topology{}
	at := map[string]city{}
	for _, c := range abileneCities {
		at[c.code] = c
		t.Routers = append(t.Routers, network.Router{
			Name: c.code, Profile: "openconfig", Site: strings.ReplaceAll(strings.ToLower(c.name), " ", "-"), Canary: Loopback, CanaryMetric: Loopback, Latitude: c.latitude, Longitude: c.longitude,
		})
	}
	ports := map[string]int{}
	end := func(code string, metric uint32) network.End {
		ports[code]++
		return network.End{Device: code, Interface: fmt.Sprintf("ethernet-1/%d", ports[code]), Metric: metric}
	}
	for _, l := range abileneLinks {
		metric := uint32(math.Round(kilometres(at[l[0]], at[l[1]])))
		t.Links = append(t.Links, network.Link{
			Name: l[0] + "-" + l[1], A: end(l[0], metric), B: end(l[1], metric), Capacity: 10_000_000_000,
		})
	}
	return t
}

// kilometres is the great-circle distance of two cities, by the haversine formula on a sphere of the earth's mean radius.
func kilometres(a, b city) float64 {
	const radius = 6371.0088
	rad := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	hav := func(angle float64) float64 { return math.Pow(math.Sin(angle/2), 2) }
	h := hav(rad(b.latitude-a.latitude)) + math.Cos(rad(a.latitude))*math.Cos(rad(b.latitude))*hav(rad(b.longitude-a.longitude))
	return 2 * radius * math.Asin(math.Sqrt(h))
}
