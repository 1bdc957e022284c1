// Package network is the backbone as configured: routers, where they stand and how they are reached, and the links
// between them. It says which link an interface belongs to, so that two alarms from two ends are one suspected fault.
//
// A topology is validated as a whole when it is loaded; what stands in a *Topology is consistent: every link joins two
// different known routers, no interface ends two links, every capacity is positive, and no two names give the same
// subject token. Nothing in here acts or observes.
package network

// Router is one router of the inventory.
type Router struct {
	Name    string   `yaml:"name"`              // unique, as anomalies name it
	Address string   `yaml:"address,omitempty"` // host:port of its gNMI server
	Profile string   `yaml:"profile,omitempty"` // platform profile, for example "openconfig"
	Site    string   `yaml:"site,omitempty"`
	Plane   string   `yaml:"plane,omitempty"`
	Roles   []string `yaml:"roles,omitempty"`
	Canary  string   `yaml:"canary,omitempty"` // an interface whose description a person declared harmless to write, for proofs

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

// End is one side of a link.
type End struct {
	Device    string `yaml:"device"`
	Interface string `yaml:"interface"` // as the router's IS-IS configuration names it
	Metric    uint32 `yaml:"metric,omitempty"`
}

// Link joins two routers. Parallel links are separate links and may share a Bundle.
type Link struct {
	Name     string   `yaml:"name"`
	A        End      `yaml:"a"`
	B        End      `yaml:"b"`
	Capacity int64    `yaml:"capacity_bps"` // bits per second in each direction, positive
	Bundle   string   `yaml:"bundle,omitempty"`
	SRLGs    []string `yaml:"srlgs,omitempty"`
}

// Topology is the whole network: what the inventory and the topology file say together.
type Topology struct {
	Routers []Router
	Links   []Link
}
