/** The messages of apps, batch, autoscaling and policy. The form of a line is told in messages.ts. */
export const workloadMessages: Readonly<Record<string, string>> = {
  'apps.ControllerRevision': 'metadata=1:ObjectMeta data=2:Raw! revision=3:int!',
  'apps.DaemonSet': 'metadata=1:ObjectMeta spec=2:apps.DaemonSetSpec status=3:apps.DaemonSetStatus',
  'apps.DaemonSetCondition':
    'type=1:string! status=2:string! lastTransitionTime=3:Time reason=4:string message=5:string',
  'apps.DaemonSetSpec':
    'selector=1:LabelSelector? template=2:PodTemplateSpec! updateStrategy=3:apps.DaemonSetUpdateStrategy minReadySeconds=4:int revisionHistoryLimit=6:int?',
  'apps.DaemonSetStatus':
    'currentNumberScheduled=1:int! numberMisscheduled=2:int! desiredNumberScheduled=3:int! numberReady=4:int! observedGeneration=5:int updatedNumberScheduled=6:int numberAvailable=7:int numberUnavailable=8:int collisionCount=9:int? conditions=10:[]apps.DaemonSetCondition',
  'apps.DaemonSetUpdateStrategy': 'type=1:string rollingUpdate=2:apps.RollingUpdateDaemonSet?',
  'apps.Deployment': 'metadata=1:ObjectMeta spec=2:apps.DeploymentSpec status=3:apps.DeploymentStatus',
  'apps.DeploymentCondition':
    'type=1:string! status=2:string! lastUpdateTime=6:Time lastTransitionTime=7:Time reason=4:string message=5:string',
  'apps.DeploymentSpec':
    'replicas=1:int? selector=2:LabelSelector? template=3:PodTemplateSpec! strategy=4:apps.DeploymentStrategy minReadySeconds=5:int revisionHistoryLimit=6:int? paused=7:bool progressDeadlineSeconds=9:int?',
  'apps.DeploymentStatus':
    'observedGeneration=1:int replicas=2:int updatedReplicas=3:int readyReplicas=7:int availableReplicas=4:int unavailableReplicas=5:int terminatingReplicas=9:int? conditions=6:[]apps.DeploymentCondition collisionCount=8:int?',
  'apps.DeploymentStrategy': 'type=1:string rollingUpdate=2:apps.RollingUpdateDeployment?',
  'apps.ReplicaSet': 'metadata=1:ObjectMeta spec=2:apps.ReplicaSetSpec status=3:apps.ReplicaSetStatus',
  'apps.ReplicaSetCondition':
    'type=1:string! status=2:string! lastTransitionTime=3:Time reason=4:string message=5:string',
  'apps.ReplicaSetSpec': 'replicas=1:int? minReadySeconds=4:int selector=2:LabelSelector? template=3:PodTemplateSpec',
  'apps.ReplicaSetStatus':
    'replicas=1:int! fullyLabeledReplicas=2:int readyReplicas=4:int availableReplicas=5:int terminatingReplicas=7:int? observedGeneration=3:int conditions=6:[]apps.ReplicaSetCondition',
  'apps.RollingUpdateDaemonSet': 'maxUnavailable=1:IntOrString? maxSurge=2:IntOrString?',
  'apps.RollingUpdateDeployment': 'maxUnavailable=1:IntOrString? maxSurge=2:IntOrString?',
  'apps.RollingUpdateStatefulSetStrategy': 'partition=1:int? maxUnavailable=2:IntOrString?',
  'apps.StatefulSet': 'metadata=1:ObjectMeta spec=2:apps.StatefulSetSpec status=3:apps.StatefulSetStatus',
  'apps.StatefulSetCondition':
    'type=1:string! status=2:string! lastTransitionTime=3:Time reason=4:string message=5:string',
  'apps.StatefulSetOrdinals': 'start=1:int!',
  'apps.StatefulSetPersistentVolumeClaimRetentionPolicy': 'whenDeleted=1:string whenScaled=2:string',
  'apps.StatefulSetSpec':
    'replicas=1:int? selector=2:LabelSelector? template=3:PodTemplateSpec! volumeClaimTemplates=4:[]PersistentVolumeClaim serviceName=5:string! podManagementPolicy=6:string updateStrategy=7:apps.StatefulSetUpdateStrategy revisionHistoryLimit=8:int? minReadySeconds=9:int persistentVolumeClaimRetentionPolicy=10:apps.StatefulSetPersistentVolumeClaimRetentionPolicy? ordinals=11:apps.StatefulSetOrdinals?',
  'apps.StatefulSetStatus':
    'observedGeneration=1:int replicas=2:int! readyReplicas=3:int currentReplicas=4:int updatedReplicas=5:int currentRevision=6:string updateRevision=7:string collisionCount=9:int? conditions=10:[]apps.StatefulSetCondition availableReplicas=11:int!',
  'apps.StatefulSetUpdateStrategy': 'type=1:string rollingUpdate=2:apps.RollingUpdateStatefulSetStrategy?',
  'autoscaling.CrossVersionObjectReference': 'kind=1:string! name=2:string! apiVersion=3:string',
  'autoscaling.HorizontalPodAutoscaler':
    'metadata=1:ObjectMeta spec=2:autoscaling.HorizontalPodAutoscalerSpec status=3:autoscaling.HorizontalPodAutoscalerStatus',
  'autoscaling.HorizontalPodAutoscalerSpec':
    'scaleTargetRef=1:autoscaling.CrossVersionObjectReference! minReplicas=2:int? maxReplicas=3:int! targetCPUUtilizationPercentage=4:int?',
  'autoscaling.HorizontalPodAutoscalerStatus':
    'observedGeneration=1:int? lastScaleTime=2:Time? currentReplicas=3:int! desiredReplicas=4:int! currentCPUUtilizationPercentage=5:int?',
  'autoscaling2.ContainerResourceMetricSource':
    'name=1:string! target=2:autoscaling2.MetricTarget! container=3:string!',
  'autoscaling2.ContainerResourceMetricStatus':
    'name=1:string! current=2:autoscaling2.MetricValueStatus! container=3:string!',
  'autoscaling2.CrossVersionObjectReference': 'kind=1:string! name=2:string! apiVersion=3:string',
  'autoscaling2.ExternalMetricSource': 'metric=1:autoscaling2.MetricIdentifier! target=2:autoscaling2.MetricTarget!',
  'autoscaling2.ExternalMetricStatus':
    'metric=1:autoscaling2.MetricIdentifier! current=2:autoscaling2.MetricValueStatus!',
  'autoscaling2.HPAScalingPolicy': 'type=1:string! value=2:int! periodSeconds=3:int!',
  'autoscaling2.HPAScalingRules':
    'stabilizationWindowSeconds=3:int? selectPolicy=1:string? policies=2:[]autoscaling2.HPAScalingPolicy tolerance=4:Quantity?',
  'autoscaling2.HorizontalPodAutoscaler':
    'metadata=1:ObjectMeta spec=2:autoscaling2.HorizontalPodAutoscalerSpec status=3:autoscaling2.HorizontalPodAutoscalerStatus',
  'autoscaling2.HorizontalPodAutoscalerBehavior':
    'scaleUp=1:autoscaling2.HPAScalingRules? scaleDown=2:autoscaling2.HPAScalingRules?',
  'autoscaling2.HorizontalPodAutoscalerCondition':
    'type=1:string! status=2:string! lastTransitionTime=3:Time reason=4:string message=5:string',
  'autoscaling2.HorizontalPodAutoscalerSpec':
    'scaleTargetRef=1:autoscaling2.CrossVersionObjectReference! minReplicas=2:int? maxReplicas=3:int! metrics=4:[]autoscaling2.MetricSpec behavior=5:autoscaling2.HorizontalPodAutoscalerBehavior?',
  'autoscaling2.HorizontalPodAutoscalerStatus':
    'observedGeneration=1:int? lastScaleTime=2:Time? currentReplicas=3:int desiredReplicas=4:int! currentMetrics=5:[]autoscaling2.MetricStatus conditions=6:[]autoscaling2.HorizontalPodAutoscalerCondition',
  'autoscaling2.MetricIdentifier': 'name=1:string! selector=2:LabelSelector?',
  'autoscaling2.MetricSpec':
    'type=1:string! object=2:autoscaling2.ObjectMetricSource? pods=3:autoscaling2.PodsMetricSource? resource=4:autoscaling2.ResourceMetricSource? containerResource=7:autoscaling2.ContainerResourceMetricSource? external=5:autoscaling2.ExternalMetricSource?',
  'autoscaling2.MetricStatus':
    'type=1:string! object=2:autoscaling2.ObjectMetricStatus? pods=3:autoscaling2.PodsMetricStatus? resource=4:autoscaling2.ResourceMetricStatus? containerResource=7:autoscaling2.ContainerResourceMetricStatus? external=5:autoscaling2.ExternalMetricStatus?',
  'autoscaling2.MetricTarget': 'type=1:string! value=2:Quantity? averageValue=3:Quantity? averageUtilization=4:int?',
  'autoscaling2.MetricValueStatus': 'value=1:Quantity? averageValue=2:Quantity? averageUtilization=3:int?',
  'autoscaling2.ObjectMetricSource':
    'describedObject=1:autoscaling2.CrossVersionObjectReference! target=2:autoscaling2.MetricTarget! metric=3:autoscaling2.MetricIdentifier!',
  'autoscaling2.ObjectMetricStatus':
    'metric=1:autoscaling2.MetricIdentifier! current=2:autoscaling2.MetricValueStatus! describedObject=3:autoscaling2.CrossVersionObjectReference!',
  'autoscaling2.PodsMetricSource': 'metric=1:autoscaling2.MetricIdentifier! target=2:autoscaling2.MetricTarget!',
  'autoscaling2.PodsMetricStatus': 'metric=1:autoscaling2.MetricIdentifier! current=2:autoscaling2.MetricValueStatus!',
  'autoscaling2.ResourceMetricSource': 'name=1:string! target=2:autoscaling2.MetricTarget!',
  'autoscaling2.ResourceMetricStatus': 'name=1:string! current=2:autoscaling2.MetricValueStatus!',
  'batch.CronJob': 'metadata=1:ObjectMeta spec=2:batch.CronJobSpec status=3:batch.CronJobStatus',
  'batch.CronJobSpec':
    'schedule=1:string! timeZone=8:string? startingDeadlineSeconds=2:int? concurrencyPolicy=3:string suspend=4:bool? jobTemplate=5:batch.JobTemplateSpec! successfulJobsHistoryLimit=6:int? failedJobsHistoryLimit=7:int?',
  'batch.CronJobStatus': 'active=1:[]ObjectReference lastScheduleTime=4:Time? lastSuccessfulTime=5:Time?',
  'batch.Job': 'metadata=1:ObjectMeta spec=2:batch.JobSpec status=3:batch.JobStatus',
  'batch.JobCondition':
    'type=1:string! status=2:string! lastProbeTime=3:Time lastTransitionTime=4:Time reason=5:string message=6:string',
  'batch.JobSpec':
    'parallelism=1:int? completions=2:int? activeDeadlineSeconds=3:int? podFailurePolicy=11:batch.PodFailurePolicy? successPolicy=16:batch.SuccessPolicy? backoffLimit=7:int? backoffLimitPerIndex=12:int? maxFailedIndexes=13:int? selector=4:LabelSelector? manualSelector=5:bool? template=6:PodTemplateSpec! ttlSecondsAfterFinished=8:int? completionMode=9:string? suspend=10:bool? podReplacementPolicy=14:string? managedBy=15:string?',
  'batch.JobStatus':
    'conditions=1:[]batch.JobCondition startTime=2:Time? completionTime=3:Time? active=4:int succeeded=5:int failed=6:int terminating=11:int? completedIndexes=7:string failedIndexes=10:string? uncountedTerminatedPods=8:batch.UncountedTerminatedPods? ready=9:int?',
  'batch.JobTemplateSpec': 'metadata=1:ObjectMeta spec=2:batch.JobSpec',
  'batch.PodFailurePolicy': 'rules=1:[]batch.PodFailurePolicyRule',
  'batch.PodFailurePolicyOnExitCodesRequirement': 'containerName=1:string? operator=2:string! values=3:[]int',
  'batch.PodFailurePolicyOnPodConditionsPattern': 'type=1:string! status=2:string!',
  'batch.PodFailurePolicyRule':
    'action=1:string! onExitCodes=2:batch.PodFailurePolicyOnExitCodesRequirement? onPodConditions=3:[]batch.PodFailurePolicyOnPodConditionsPattern',
  'batch.SuccessPolicy': 'rules=1:[]batch.SuccessPolicyRule',
  'batch.SuccessPolicyRule': 'succeededIndexes=1:string? succeededCount=2:int?',
  'batch.UncountedTerminatedPods': 'succeeded=1:[]string failed=2:[]string',
  'policy.PodDisruptionBudget':
    'metadata=1:ObjectMeta spec=2:policy.PodDisruptionBudgetSpec status=3:policy.PodDisruptionBudgetStatus',
  'policy.PodDisruptionBudgetSpec':
    'minAvailable=1:IntOrString? selector=2:LabelSelector? maxUnavailable=3:IntOrString? unhealthyPodEvictionPolicy=4:string?',
  'policy.PodDisruptionBudgetStatus':
    'observedGeneration=1:int disruptedPods=2:{}Time disruptionsAllowed=3:int! currentHealthy=4:int! desiredHealthy=5:int! expectedPods=6:int! conditions=7:[]Condition',
};
