// Package network is the backbone as configured and as observed: routers, where they stand and how they are reached; the
// links between them with their LAG members, metrics and capacities; the risk groups that fail together; the traffic that
// is offered. It says which link an interface belongs to, so that two alarms from two ends are one suspected fault.
//
// A Topology is what people wrote: the inventory and the topology file, or a file of the Internet Topology Zoo. A Matrix
// is the traffic that routers send to each other, from a CSV file or by the gravity rule. A State is what was observed
// on top of it; Effective lays it over the topology, and that is where every what-if starts.
//
// Each is validated as a whole when it is loaded, every complaint with its place; what stands in a *Topology is
// consistent: every link joins two different known routers that agree on its levels, no interface ends two links, every
// capacity is positive and the sum of its members, every risk group has members that exist, and no two names give the
// same subject token. Reading is bounded in bytes, entries and complaints, and a network in routers and links: far above any
// backbone, and below what computing on it could not bear. Nothing in here acts, observes or routes.
package network

// Topology is the whole network: what the inventory and the topology file say together.
type Topology struct {
	Routers []Router
	Links   []Link
	SRLGs   []SRLG // as declared; RiskGroups has those too that only links name

	// IPv6Permil is how much of the traffic is IPv6, in thousandths, as far as a matrix does not say; nil: not known.
	IPv6Permil *int
}

// Router is one router of the inventory.
type Router struct {
	Name    string   `yaml:"name"`              // unique, as anomalies name it
	Address string   `yaml:"address,omitempty"` // host:port of its gNMI server
	Profile string   `yaml:"profile,omitempty"` // platform profile, for example "openconfig"
	Site    string   `yaml:"site,omitempty"`
	Plane   string   `yaml:"plane,omitempty"`
	Roles   []string `yaml:"roles,omitempty"`
	Canary  string   `yaml:"canary,omitempty"` // an interface whose description a person declared harmless to write, for proofs
	// CanaryMetric is an IS-IS interface without a neighbour whose metric a person declared harmless to write, for proofs.
	CanaryMetric string `yaml:"canary_metric,omitempty"`
	// EdgePorts are the ports at which traffic enters and leaves the network here, as the interface table names them. An empty list
	// says that there are none; nil that they are not known, and then what passes the router cannot be balanced.
	EdgePorts []string `yaml:"edge_ports,omitempty"`
	Overload  bool     `yaml:"overload,omitempty"` // configured with the IS-IS overload bit: reached, but not transited

	Latitude  float64 `yaml:"latitude,omitempty"`  // degrees north
	Longitude float64 `yaml:"longitude,omitempty"` // degrees east

	TLS         RouterTLS   `yaml:"tls,omitempty"`
	Credentials Credentials `yaml:"credentials,omitempty"`
}

// RouterTLS says how a router proves who it is, and how Detour proves itself to it. Paths are relative to the inventory file.
type RouterTLS struct {
	CA         string `yaml:"ca,omitempty"`          // PEM file of the authorities that may sign the router's certificate
	Cert       string `yaml:"cert,omitempty"`        // PEM file of Detour's client certificate
	Key        string `yaml:"key,omitempty"`         // PEM file of its key
	ServerName string `yaml:"server_name,omitempty"` // name expected in the certificate; the address's host when empty
}

// Credentials name where a user name and password are found; never the secret itself.
type Credentials struct {
	Username string `yaml:"username,omitempty"`
	Password string `yaml:"password,omitempty"` // "file:PATH" or "env:NAME"
}

// Link joins two routers. Parallel links are separate links and may share a Bundle.
type Link struct {
	Name     string   `yaml:"name" json:"name"`
	A        End      `yaml:"a" json:"a"`
	B        End      `yaml:"b" json:"b"`
	Capacity int64    `yaml:"capacity_bps" json:"capacity_bps"`               // bits per second in each direction, positive
	Members  []Member `yaml:"members,omitempty" json:"members,omitempty"`     // of a LAG; their capacities add up to Capacity
	MinLinks int      `yaml:"min_links,omitempty" json:"min_links,omitempty"` // with fewer members up the LAG is down; 0 is 1
	Bundle   string   `yaml:"bundle,omitempty" json:"bundle,omitempty"`       // parallel links of two routers that count as one for budgets
	SRLGs    []string `yaml:"srlgs,omitempty" json:"srlgs,omitempty"`         // shared risk link groups, beside those that list the link
}

// Member is one physical link of a LAG.
type Member struct {
	Name     string `yaml:"name" json:"name"`
	Capacity int64  `yaml:"capacity_bps" json:"capacity_bps"` // bits per second in each direction, positive
}

// End is one side of a link. Its metrics are for the direction away from Device; the two ends' may differ.
type End struct {
	Device    string   `yaml:"device" json:"device"`
	Interface string   `yaml:"interface" json:"interface"`                 // as the router's IS-IS configuration names it
	Card      string   `yaml:"card,omitempty" json:"card,omitempty"`       // line card that the interface sits on
	Metric    uint32   `yaml:"metric,omitempty" json:"metric,omitempty"`   // for every level and family that Metrics leaves out; 0 is DefaultMetric
	Metrics   []Metric `yaml:"metrics,omitempty" json:"metrics,omitempty"` // by level and family
}

// SRLG declares a shared risk link group: links that one event can take down together. A link is a member when either
// the group or the link says so.
type SRLG struct {
	Name    string   `yaml:"name" json:"name"`
	Kind    string   `yaml:"kind,omitempty" json:"kind,omitempty"`       // what is shared: fibre, conduit, amplifier, linecard, power ...
	Diverse string   `yaml:"diverse,omitempty" json:"diverse,omitempty"` // the group meant to survive this one; holds both ways
	Links   []string `yaml:"links,omitempty" json:"links"`
}
