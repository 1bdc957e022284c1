package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// manifest is one object for Kubernetes.
type manifest map[string]any

// manifests are those that deployments/kubernetes/kustomization.yaml names.
func manifests(t *testing.T) (list []manifest) {
	t.Helper()
	dir := filepath.Join(deployments, "kubernetes")
	for _, name := range decoded(t, filepath.Join(dir, "kustomization.yaml"))[0]["resources"].([]any) {
		path := filepath.Join(dir, name.(string))
		if info, err := os.Stat(path); err != nil {
			t.Fatal(err)
		} else if !info.IsDir() {
			list = append(list, decoded(t, path)...)
		}
	}
	return list
}

func decoded(t *testing.T, path string) (list []manifest) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range strings.Split(string(raw), "\n---\n") {
		var m manifest
		if err := yaml.UnmarshalWithOptions([]byte(text), &m, yaml.Strict()); err != nil {
			t.Fatalf("%s, document %d: %v", path, i+1, err)
		}
		list = append(list, m)
	}
	return list
}

// at is what stands at a path of keys, nil if nothing does.
func at(v any, keys ...string) any {
	for _, key := range keys {
		switch m := v.(type) {
		case manifest:
			v = m[key]
		case map[string]any:
			v = m[key]
		default:
			return nil
		}
	}
	return v
}

func text(v any, keys ...string) string { return fmt.Sprint(at(v, keys...)) }

func list(v any, keys ...string) []any {
	l, _ := at(v, keys...).([]any)
	return l
}

// pods are the templates of what runs, by kind and name.
func pods(all []manifest) map[string]any {
	of := map[string]any{}
	for _, m := range all {
		if template := at(m, "spec", "template"); template != nil {
			of[text(m, "kind")+"/"+text(m, "metadata", "name")] = template
		}
	}
	return of
}

// TestPodsAreBare has every pod run as nobody, with nothing to write to but what it mounts for that, and without the cluster's
// own credentials; replicas and servers are spread, and may not all be taken away at once.
func TestPodsAreBare(t *testing.T) {
	all := manifests(t)
	found := pods(all)
	if want := []string{"Job/detour-setup", "StatefulSet/detour", "StatefulSet/nats"}; !cmp.Equal(want, slices.Sorted(maps.Keys(found))) {
		t.Fatalf("pods %v", slices.Sorted(maps.Keys(found)))
	}
	for name, pod := range found {
		want := map[string]string{"runAsNonRoot": "true", "runAsUser": fmt.Sprint(nobody), "fsGroup": fmt.Sprint(nobody)}
		for key, value := range want {
			if got := text(pod, "spec", "securityContext", key); got != value {
				t.Errorf("%s: %s is %s", name, key, got)
			}
		}
		if text(pod, "spec", "automountServiceAccountToken") != "false" || text(pod, "spec", "securityContext", "seccompProfile", "type") != "RuntimeDefault" {
			t.Errorf("%s: %v", name, at(pod, "spec"))
		}
		for _, c := range list(pod, "spec", "containers") {
			s := at(c, "securityContext")
			if text(s, "readOnlyRootFilesystem") != "true" || text(s, "allowPrivilegeEscalation") != "false" || text(s, "capabilities", "drop") != "[ALL]" || at(c, "resources", "limits", "memory") == nil {
				t.Errorf("%s: container %s: %v", name, text(c, "name"), s)
			}
		}
		for _, v := range list(pod, "spec", "volumes") {
			if secret := at(v, "secret"); secret != nil && text(secret, "defaultMode") != fmt.Sprint(0o440) {
				t.Errorf("%s: secret %s has mode %s, which a replica refuses if others may read it", name, text(secret, "secretName"), text(secret, "defaultMode"))
			}
		}
		if strings.HasPrefix(name, "StatefulSet/") && len(list(pod, "spec", "topologySpreadConstraints")) < 2 {
			t.Errorf("%s is not spread over nodes and zones", name)
		}
	}
	budgets := map[string]string{}
	for _, m := range all {
		switch text(m, "kind") {
		case "Secret":
			t.Errorf("the secret %s stands in a file", text(m, "metadata", "name"))
		case "PodDisruptionBudget":
			budgets[text(m, "spec", "selector", "matchLabels", "app.kubernetes.io/name")] = text(m, "spec", "minAvailable")
		}
	}
	if diff := cmp.Diff(map[string]string{"nats": "2", "detour": "2"}, budgets); diff != "" {
		t.Errorf("budgets (-want +got):\n%s", diff)
	}
}

// TestMounts has every file that arguments, environment or configuration name be mounted, and every mount be of a volume.
func TestMounts(t *testing.T) {
	config, err := os.ReadFile(filepath.Join(deployments, "kubernetes", "detour.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, pod := range pods(manifests(t)) {
		volumes := map[string]bool{"data": true} // a claim's
		for _, v := range list(pod, "spec", "volumes") {
			volumes[text(v, "name")] = true
		}
		for _, c := range list(pod, "spec", "containers") {
			var mounted []string
			for _, m := range list(c, "volumeMounts") {
				mounted = append(mounted, text(m, "mountPath")+"/")
				if !volumes[text(m, "name")] {
					t.Errorf("%s mounts %s, which is no volume of its", name, text(m, "name"))
				}
			}
			named := fmt.Sprint(at(c, "args"), at(c, "env"))
			if text(c, "image") == "detour" {
				named += string(config)
			}
			for _, path := range regexp.MustCompile(`/(?:run|etc)/[\w./-]+`).FindAllString(named, -1) {
				if !slices.ContainsFunc(mounted, func(m string) bool { return strings.HasPrefix(path, m) }) {
					t.Errorf("%s: nothing is mounted at %s", name, path)
				}
			}
		}
	}
}

// TestSelectors has every selector choose pods that there are, and every port have a name or a number that is served.
func TestSelectors(t *testing.T) {
	all := manifests(t)
	var names []string
	ports := map[string][]string{}
	for _, pod := range pods(all) {
		name := text(pod, "metadata", "labels", "app.kubernetes.io/name")
		names = append(names, name)
		for _, c := range list(pod, "spec", "containers") {
			for _, p := range list(c, "ports") {
				ports[name] = append(ports[name], text(p, "name"), text(p, "containerPort"))
			}
			for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
				if get := at(c, probe, "httpGet"); get != nil && !slices.Contains(ports[name], text(get, "port")) {
					t.Errorf("%s of %s asks port %s", probe, name, text(get, "port"))
				}
			}
		}
	}
	for _, m := range all {
		for _, selector := range []any{at(m, "spec", "selector"), at(m, "spec", "selector", "matchLabels"), at(m, "spec", "podSelector", "matchLabels")} {
			if name := at(selector, "app.kubernetes.io/name"); name != nil && !slices.Contains(names, name.(string)) {
				t.Errorf("%s %s selects %s", text(m, "kind"), text(m, "metadata", "name"), name)
			}
		}
		if text(m, "kind") == "Service" {
			for _, p := range list(m, "spec", "ports") {
				target := at(p, "targetPort")
				if target == nil {
					target = at(p, "port")
				}
				if of := text(m, "spec", "selector", "app.kubernetes.io/name"); !slices.Contains(ports[of], fmt.Sprint(target)) {
					t.Errorf("service %s leads to port %v of %s, which has %v", text(m, "metadata", "name"), target, of, ports[of])
				}
			}
		}
	}
}

// TestSameTopology holds the manifests against the composition, which runs: images, arguments and environment are the same but
// for where files and servers are, and so is what replicas are told.
func TestSameTopology(t *testing.T) {
	composed, err := compose(deployments)
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer(
		"nats-0.nats:", "nats-0:", "nats-1.nats:", "nats-1:", "nats-2.nats:", "nats-2:", "/run/secrets/nats/ca.crt", "/run/secrets/bus-ca",
		"/run/secrets/nats/tls.crt", "/run/secrets/nats-0-cert", "/run/secrets/nats/tls.key", "/run/secrets/nats-0-key",
		"/run/secrets/bus/ca.crt", "/run/secrets/bus-ca", "/run/secrets/bus/tls.crt", "/run/secrets/service-cert", "/run/secrets/bus/tls.key", "/run/secrets/service-key",
		"/run/secrets/setup/tls.crt", "/run/secrets/setup-cert", "/run/secrets/setup/tls.key", "/run/secrets/setup-key",
		"/run/secrets/web/tls.crt", "/run/secrets/web-cert", "/run/secrets/web/tls.key", "/run/secrets/web-key", "/run/secrets/tokens/tokens", "/run/secrets/tokens",
	)
	of := map[string]string{"StatefulSet/nats": "nats-0", "Job/detour-setup": "setup", "StatefulSet/detour": "detour-0"}
	for name, pod := range pods(manifests(t)) {
		c, same := list(pod, "spec", "containers")[0], composed.Services[of[name]]
		var args []string
		for _, arg := range list(c, "args") {
			args = append(args, here.Replace(arg.(string)))
		}
		if diff := cmp.Diff(same.Command, args); diff != "" || same.Image != text(c, "image") {
			t.Errorf("%s runs %s (-compose +kubernetes):\n%s", name, text(c, "image"), diff)
		}
		env := map[string]string{}
		for _, e := range list(c, "env") {
			env[text(e, "name")] = here.Replace(text(e, "value"))
			if at(e, "valueFrom") != nil {
				env[text(e, "name")] = "nats-0" // the pod's name
			}
		}
		if diff := cmp.Diff(same.Environment, env); diff != "" && len(env)+len(same.Environment) > 0 {
			t.Errorf("%s has another environment (-compose +kubernetes):\n%s", name, diff)
		}
	}
	var told [2]string
	for i, where := range []string{"compose", "kubernetes"} {
		raw, err := os.ReadFile(filepath.Join(deployments, where, "detour.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`(?m)\s*(^|\s)#.*$`).ReplaceAllString(here.Replace(string(raw)), "")
		told[i] = strings.TrimSpace(text)
	}
	if diff := cmp.Diff(told[0], told[1]); diff != "" {
		t.Errorf("replicas are told something else (-compose +kubernetes):\n%s", diff)
	}
}

// TestEnvironment has servers be told everything that their configuration refers to, and nothing else.
func TestEnvironment(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(deployments, "nats", "server.conf"))
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		line, _, _ = strings.Cut(line, "#")
		for _, name := range regexp.MustCompile(`\$(NATS_\w+)`).FindAllStringSubmatch(line, -1) {
			wanted[name[1]] = true
		}
	}
	composed, err := compose(deployments)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range composed.named("nats-") {
		if diff := cmp.Diff(slices.Sorted(maps.Keys(wanted)), slices.Sorted(maps.Keys(composed.Services[name].Environment))); diff != "" {
			t.Errorf("%s (-configuration +environment):\n%s", name, diff)
		}
	}
}
