package main

import (
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	commitserver "github.com/argoproj/argo-cd/v3/commitserver/apiclient"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/controller"
	"github.com/argoproj/argo-cd/v3/controller/sharding"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/pkg/client/clientset/versioned"
	repoapi "github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/util/argo"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	cacheutil "github.com/argoproj/argo-cd/v3/util/cache"
	"github.com/argoproj/argo-cd/v3/util/cache/appstate"
	"github.com/argoproj/argo-cd/v3/util/cli"
	kubeutil "github.com/argoproj/argo-cd/v3/util/kube"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/argoproj/argo-cd/v3/util/tls"
)

// The defaults of upstream's command.
const (
	resync              = 120 * time.Second
	jitter              = 60 * time.Second
	statusProcessors    = 20
	operationProcessors = 10
	kubectlParallelism  = 20
	repoServerTimeout   = 60
)

// applicationController is upstream's command with its defaults, and two differences. Upstream's
// serves its metrics on all addresses and cannot be told otherwise; and it keeps the health of each
// object in its cache alone, unless it is told to write it into the Application's status as well.
func applicationController() *cobra.Command {
	var repoServer, metrics string
	command := &cobra.Command{Use: common.CommandApplicationController}
	clientConfig := cli.AddKubectlFlagsToCmd(command)
	cacheSource := appstate.AddCacheFlagsToCmd(command)
	command.Flags().StringVar(&repoServer, "repo-server", "", "Address of the repo-server, without TLS.")
	command.Flags().StringVar(&metrics, "metrics-address", "", "Address and port of the metrics.")
	command.RunE = func(command *cobra.Command, _ []string) error {
		ctx := command.Context()
		cli.SetLogFormat("json")
		cli.SetLogLevel("info")
		namespace, _, err := clientConfig.Namespace()
		if err != nil {
			return err
		}
		config, err := clientConfig.ClientConfig()
		if err != nil {
			return err
		}
		if err := v1alpha1.SetK8SConfigDefaults(config); err != nil {
			return err
		}
		cache, err := cacheSource()
		if err != nil {
			return err
		}
		cache.Cache.SetClient(cacheutil.NewTwoLevelClient(cache.Cache.GetClient(), 10*time.Minute))
		kube := kubernetes.NewForConfigOrDie(config)
		var running *controller.ApplicationController
		manager := settings.NewSettingsManager(ctx, kube, namespace,
			settings.WithRepoOrClusterChangedHandler(func() { running.InvalidateProjectsCache() }))
		shards, err := sharding.GetClusterSharding(kube, manager, common.DefaultShardingAlgorithm, false)
		if err != nil {
			return err
		}
		running, err = controller.NewApplicationController(
			namespace,
			manager,
			kube,
			versioned.NewForConfigOrDie(config),
			repoapi.NewRepoServerClientset(repoServer, repoServerTimeout, tls.Configuration{DisableTLS: true}),
			commitserver.NewCommitServerClientset(common.DefaultCommitServerAddr),
			cache,
			kubeutil.NewKubectl(),
			resync,
			0, // hard resync
			jitter,
			0, // self-heal timeout
			&wait.Backoff{Duration: 2 * time.Second, Factor: 3, Cap: 300 * time.Second},
			0, // sync timeout
			resync+jitter,
			0, // metrics port: replaced below
			0, // metrics cache expiration
			nil,
			nil,
			nil,
			kubectlParallelism,
			true, // health of each object in the Application's status
			shards,
			nil,   // namespaces of Applications
			nil,   // rate limits: the defaults
			false, // server-side diff
			false, // dynamic cluster distribution
			normalizers.IgnoreNormalizerOpts{},
			argo.DefaultEnableEventList(),
			false, // hydrator
		)
		if err != nil {
			return err
		}
		running.GetMetricsServer().Addr = metrics
		running.Run(ctx, statusProcessors, operationProcessors, 1)
		return nil
	}
	return command
}
