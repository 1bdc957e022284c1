// Command kinds decodes manifests of Kubernetes into its own types, strictly: a key that a kind does not have, a value of another type
// and a key that is given twice are errors. It is built apart, so that these types are no module of the service.
package main

import (
	"fmt"
	"os"
	"strings"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

var kinds = map[string]func() any{
	"v1 Namespace": func() any { return &core.Namespace{} }, "v1 Service": func() any { return &core.Service{} },
	"apps/v1 StatefulSet": func() any { return &apps.StatefulSet{} }, "batch/v1 Job": func() any { return &batch.Job{} },
	"policy/v1 PodDisruptionBudget": func() any { return &policy.PodDisruptionBudget{} }, "networking.k8s.io/v1 NetworkPolicy": func() any { return &networking.NetworkPolicy{} },
}

func main() {
	bad, n := 0, 0
	for _, name := range os.Args[1:] {
		raw, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		for i, text := range strings.Split(string(raw), "\n---\n") {
			var head struct{ APIVersion, Kind string }
			err := yaml.Unmarshal([]byte(text), &head)
			if make, ok := kinds[head.APIVersion+" "+head.Kind]; ok && err == nil {
				err = yaml.UnmarshalStrict([]byte(text), make())
				n++
			} else if err == nil {
				err = fmt.Errorf("%s %s is not known", head.APIVersion, head.Kind)
			}
			if err != nil {
				fmt.Printf("%s, document %d: %v\n", name, i+1, err)
				bad++
			}
		}
	}
	fmt.Printf("%d objects decoded, %d bad\n", n, bad)
	if bad > 0 || n == 0 {
		os.Exit(1)
	}
}
