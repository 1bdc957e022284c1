package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/app"
)

func newVersion(c *cli) *cobra.Command {
	var sbom bool
	cmd := &cobra.Command{
		Use: "version", Short: "Which Detour this is, and of which modules it is made", Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			if sbom {
				info, ok := debug.ReadBuildInfo()
				if !ok {
					return errors.New("this binary does not say of what it was built: build it with `go build ./cmd/detour`")
				}
				encoder := json.NewEncoder(c.stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(bill(info))
			}
			v := map[string]string{"version": app.Version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return c.show(v, func() error {
				_, err := fmt.Fprintf(c.stdout, "detour %s %s %s\n", v["version"], v["go"], v["platform"])
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&sbom, "sbom", false, "the modules that this binary was linked from, as a CycloneDX document")
	return cmd
}

// component is one part of a bill of materials, as CycloneDX 1.6 has it (ECMA-424).
type component struct {
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// materials is a bill of materials.
type materials struct {
	Format   string `json:"bomFormat"`
	Spec     string `json:"specVersion"`
	Version  int    `json:"version"`
	Metadata struct {
		Component component `json:"component"`
	} `json:"metadata"`
	Components []component `json:"components"`
}

// bill lists what the linker put into a binary: Go itself and each module, with the digest by which go.sum knows it.
func bill(info *debug.BuildInfo) materials {
	m := materials{Format: "CycloneDX", Spec: "1.6", Version: 1}
	m.Metadata.Component = component{Type: "application", Name: info.Main.Path, Version: app.Version()}
	m.Components = []component{{Type: "library", Name: "std", Version: info.GoVersion, PURL: "pkg:golang/std@" + info.GoVersion[len("go"):]}}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		c := component{Type: "library", Name: d.Path, Version: d.Version, PURL: "pkg:golang/" + d.Path + "@" + d.Version}
		if d.Sum != "" {
			c.Properties = []property{{"go:sum", d.Sum}}
		}
		m.Components = append(m.Components, c)
	}
	return m
}
