/** The messages of networking, storage, scheduling, node and events. The form of a line is told in messages.ts. */
export const clusterMessages: Readonly<Record<string, string>> = {
  'events.Event':
    'metadata=1:ObjectMeta! eventTime=2:MicroTime! series=3:events.EventSeries? reportingController=4:string reportingInstance=5:string action=6:string reason=7:string regarding=8:ObjectReference related=9:ObjectReference? note=10:string type=11:string deprecatedSource=12:EventSource deprecatedFirstTimestamp=13:Time deprecatedLastTimestamp=14:Time deprecatedCount=15:int',
  'events.EventSeries': 'count=1:int! lastObservedTime=2:MicroTime!',
  'networking.HTTPIngressPath': 'path=1:string pathType=3:string? backend=2:networking.IngressBackend!',
  'networking.HTTPIngressRuleValue': 'paths=1:[]networking.HTTPIngressPath',
  'networking.IPAddress': 'metadata=1:ObjectMeta spec=2:networking.IPAddressSpec',
  'networking.IPAddressSpec': 'parentRef=1:networking.ParentReference?',
  'networking.IPBlock': 'cidr=1:string! except=2:[]string',
  'networking.Ingress': 'metadata=1:ObjectMeta spec=2:networking.IngressSpec status=3:networking.IngressStatus',
  'networking.IngressBackend': 'service=4:networking.IngressServiceBackend? resource=3:TypedLocalObjectReference?',
  'networking.IngressClass': 'metadata=1:ObjectMeta spec=2:networking.IngressClassSpec',
  'networking.IngressClassParametersReference':
    'apiGroup=1:string? kind=2:string! name=3:string! scope=4:string? namespace=5:string?',
  'networking.IngressClassSpec': 'controller=1:string parameters=2:networking.IngressClassParametersReference?',
  'networking.IngressLoadBalancerIngress': 'ip=1:string hostname=2:string ports=4:[]networking.IngressPortStatus',
  'networking.IngressLoadBalancerStatus': 'ingress=1:[]networking.IngressLoadBalancerIngress',
  'networking.IngressPortStatus': 'port=1:int! protocol=2:string! error=3:string?',
  'networking.IngressRule': 'host=1:string =2:networking.IngressRuleValue!',
  'networking.IngressRuleValue': 'http=1:networking.HTTPIngressRuleValue?',
  'networking.IngressServiceBackend': 'name=1:string! port=2:networking.ServiceBackendPort',
  'networking.IngressSpec':
    'ingressClassName=4:string? defaultBackend=1:networking.IngressBackend? tls=2:[]networking.IngressTLS rules=3:[]networking.IngressRule',
  'networking.IngressStatus': 'loadBalancer=1:networking.IngressLoadBalancerStatus',
  'networking.IngressTLS': 'hosts=1:[]string secretName=2:string',
  'networking.NetworkPolicy': 'metadata=1:ObjectMeta spec=2:networking.NetworkPolicySpec',
  'networking.NetworkPolicyEgressRule': 'ports=1:[]networking.NetworkPolicyPort to=2:[]networking.NetworkPolicyPeer',
  'networking.NetworkPolicyIngressRule': 'ports=1:[]networking.NetworkPolicyPort from=2:[]networking.NetworkPolicyPeer',
  'networking.NetworkPolicyPeer':
    'podSelector=1:LabelSelector? namespaceSelector=2:LabelSelector? ipBlock=3:networking.IPBlock?',
  'networking.NetworkPolicyPort': 'protocol=1:string? port=2:IntOrString? endPort=3:int?',
  'networking.NetworkPolicySpec':
    'podSelector=1:LabelSelector! ingress=2:[]networking.NetworkPolicyIngressRule egress=3:[]networking.NetworkPolicyEgressRule policyTypes=4:[]string',
  'networking.ParentReference': 'group=1:string resource=2:string namespace=3:string name=4:string',
  'networking.ServiceBackendPort': 'name=1:string number=2:int',
  'networking.ServiceCIDR':
    'metadata=1:ObjectMeta spec=2:networking.ServiceCIDRSpec status=3:networking.ServiceCIDRStatus',
  'networking.ServiceCIDRSpec': 'cidrs=1:[]string',
  'networking.ServiceCIDRStatus': 'conditions=1:[]Condition',
  'node.Overhead': 'podFixed=1:{}Quantity',
  'node.RuntimeClass':
    'metadata=1:ObjectMeta handler=2:string! overhead=3:node.Overhead? scheduling=4:node.Scheduling?',
  'node.Scheduling': 'nodeSelector=1:{}string tolerations=2:[]Toleration',
  'scheduling.PriorityClass':
    'metadata=1:ObjectMeta value=2:int! globalDefault=3:bool description=4:string preemptionPolicy=5:string?',
  'storage.CSIDriver': 'metadata=1:ObjectMeta spec=2:storage.CSIDriverSpec!',
  'storage.CSIDriverSpec':
    'attachRequired=1:bool? podInfoOnMount=2:bool? volumeLifecycleModes=3:[]string storageCapacity=4:bool? fsGroupPolicy=5:string? tokenRequests=6:[]storage.TokenRequest requiresRepublish=7:bool? seLinuxMount=8:bool? nodeAllocatableUpdatePeriodSeconds=9:int? serviceAccountTokenInSecrets=10:bool? preventPodSchedulingIfMissing=11:bool?',
  'storage.CSINode': 'metadata=1:ObjectMeta spec=2:storage.CSINodeSpec!',
  'storage.CSINodeDriver':
    'name=1:string! nodeID=2:string! topologyKeys=3:[]string allocatable=4:storage.VolumeNodeResources?',
  'storage.CSINodeSpec': 'drivers=1:[]storage.CSINodeDriver',
  'storage.CSIStorageCapacity':
    'metadata=1:ObjectMeta nodeTopology=2:LabelSelector? storageClassName=3:string! capacity=4:Quantity? maximumVolumeSize=5:Quantity?',
  'storage.StorageClass':
    'metadata=1:ObjectMeta provisioner=2:string! parameters=3:{}string reclaimPolicy=4:string? mountOptions=5:[]string allowVolumeExpansion=6:bool? volumeBindingMode=7:string? allowedTopologies=8:[]TopologySelectorTerm',
  'storage.TokenRequest': 'audience=1:string! expirationSeconds=2:int?',
  'storage.VolumeAttachment':
    'metadata=1:ObjectMeta spec=2:storage.VolumeAttachmentSpec! status=3:storage.VolumeAttachmentStatus',
  'storage.VolumeAttachmentSource': 'persistentVolumeName=1:string? inlineVolumeSpec=2:PersistentVolumeSpec?',
  'storage.VolumeAttachmentSpec': 'attacher=1:string! source=2:storage.VolumeAttachmentSource! nodeName=3:string!',
  'storage.VolumeAttachmentStatus':
    'attached=1:bool! attachmentMetadata=2:{}string attachError=3:storage.VolumeError? detachError=4:storage.VolumeError?',
  'storage.VolumeAttributesClass': 'metadata=1:ObjectMeta driverName=2:string! parameters=3:{}string',
  'storage.VolumeError': 'time=1:Time message=2:string errorCode=3:int?',
  'storage.VolumeNodeResources': 'count=1:int?',
};
