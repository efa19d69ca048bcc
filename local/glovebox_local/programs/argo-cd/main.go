// Argo CD's application controller and repo-server by the name it is called with, and what its API
// server does with an action, without that server and the pages that come with it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	jsonpatch "github.com/evanphx/json-patch"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
)

var programs = map[string]func() *cobra.Command{
	"argocd-application-controller": applicationController,
	"argocd-repo-server":            reposerver.NewCommand,
	"argocd-actions":                actions,
}

// actions reads an object from stdin. It prints which actions are offered for it by the settings in
// the cluster of KUBECONFIG or, given one's name, the merge patch that this action comes to.
func actions() *cobra.Command {
	return &cobra.Command{
		Use:  "argocd-actions NAMESPACE [ACTION]",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(command *cobra.Command, args []string) error {
			var object unstructured.Unstructured
			if err := json.NewDecoder(os.Stdin).Decode(&object.Object); err != nil {
				return err
			}
			vm, err := machine(command.Context(), args[0])
			if err != nil {
				return err
			}
			var found any
			if len(args) == 1 {
				found, err = discovered(vm, &object)
			} else {
				found, err = executed(vm, &object, args[1])
			}
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(found)
		},
	}
}

func machine(ctx context.Context, namespace string) (*lua.VM, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	overrides, err := settings.NewSettingsManager(ctx, client, namespace).GetResourceOverrides()
	if err != nil {
		return nil, err
	}
	return &lua.VM{ResourceOverrides: overrides}, nil
}

func discovered(vm *lua.VM, object *unstructured.Unstructured) (any, error) {
	scripts, err := vm.GetResourceActionDiscovery(object)
	if err != nil {
		return nil, err
	}
	return vm.ExecuteResourceActionDiscovery(object, scripts)
}

func executed(vm *lua.VM, object *unstructured.Unstructured, name string) (any, error) {
	action, err := vm.GetResourceAction(object, name)
	if err != nil {
		return nil, err
	}
	changed, err := vm.ExecuteResourceAction(object, action.ActionLua, nil)
	if err != nil {
		return nil, err
	}
	if len(changed) != 1 {
		return nil, fmt.Errorf("%s returned %d objects", name, len(changed))
	}
	before, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(changed[0].UnstructuredObj)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.CreateMergePatch(before, after)
	return json.RawMessage(patch), err
}

func main() {
	name := filepath.Base(os.Args[0])
	build, known := programs[name]
	if !known {
		log.Fatalf("call me by the name of one of my programs, not %q", name)
	}
	if err := build().ExecuteContext(context.Background()); err != nil {
		os.Exit(1)
	}
}
