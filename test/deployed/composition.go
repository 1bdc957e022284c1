package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/detour-net/detour/internal/config/strict"
)

// composition is deployments/compose/compose.yaml, as far as the Compose Specification is used there; any other key is an error.
type composition struct {
	Services map[string]part     `yaml:"services"`
	Networks map[string]lan      `yaml:"networks"`
	Volumes  map[string]struct{} `yaml:"volumes"`
	Secrets  map[string]secret   `yaml:"secrets"`
}

// part is one service of it.
type part struct {
	Image           string              `yaml:"image"`
	Build           *build              `yaml:"build"`
	Hostname        string              `yaml:"hostname"`
	Command         []string            `yaml:"command"`
	Environment     map[string]string   `yaml:"environment"`
	Secrets         []string            `yaml:"secrets"`
	Volumes         []string            `yaml:"volumes"`
	Networks        []string            `yaml:"networks"`
	Ports           []string            `yaml:"ports"`
	StopGracePeriod string              `yaml:"stop_grace_period"`
	User            string              `yaml:"user"`
	ReadOnly        bool                `yaml:"read_only"`
	CapDrop         []string            `yaml:"cap_drop"`
	SecurityOpt     []string            `yaml:"security_opt"`
	Restart         string              `yaml:"restart"`
	DependsOn       map[string]awaiting `yaml:"depends_on"`
}

type build struct {
	Context    string `yaml:"context"`
	Dockerfile string `yaml:"dockerfile"`
}

type lan struct {
	Internal bool `yaml:"internal"`
}

type secret struct {
	File string `yaml:"file"`
}

type awaiting struct {
	Condition string `yaml:"condition"`
}

// composeFile is where it stands, below the folder of deployments.
const composeFile = "compose/compose.yaml"

// compose reads it; deployments is the path of that folder.
func compose(deployments string) (c composition, err error) {
	path := filepath.Join(deployments, composeFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	_, err = strict.Read(path, raw, &c)
	return c, err
}

// named are the services whose names begin so, in order.
func (c composition) named(prefix string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		if strings.HasPrefix(name, prefix) {
			list = append(list, name)
		}
	}
	return list
}

// mounted has what a service's files are called in its container be the paths of this machine: of secrets those in the
// folder secrets, of volumes those of this checkout, or below data.
func (c composition) mounted(name, deployments, secrets, data string) ([]string, error) {
	var pairs []string
	p := c.Services[name]
	for _, s := range p.Secrets {
		if _, ok := c.Secrets[s]; !ok {
			return nil, fmt.Errorf("service %s: secret %s is not defined", name, s)
		}
		pairs = append(pairs, "/run/secrets/"+s, filepath.Join(secrets, s))
	}
	for _, v := range p.Volumes {
		from, to, _ := strings.Cut(v, ":")
		to, _, _ = strings.Cut(to, ":")
		switch _, kept := c.Volumes[from]; {
		case kept:
			pairs = append(pairs, to, filepath.Join(data, name))
		case strings.HasPrefix(from, "."):
			pairs = append(pairs, to+"/", filepath.Join(deployments, filepath.Dir(composeFile), from)+"/")
		default:
			return nil, fmt.Errorf("service %s: volume %s is not defined", name, from)
		}
	}
	return pairs, nil
}
