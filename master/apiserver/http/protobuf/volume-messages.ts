/** The messages of volumes, limits and quotas (core/v1). The form of a line is told in messages.ts. */
export const volumeMessages: Readonly<Record<string, string>> = {
  AzureFilePersistentVolumeSource: 'secretName=1:string! shareName=2:string! readOnly=3:bool secretNamespace=4:string?',
  CSIPersistentVolumeSource:
    'driver=1:string! volumeHandle=2:string! readOnly=3:bool fsType=4:string volumeAttributes=5:{}string controllerPublishSecretRef=6:SecretReference? nodeStageSecretRef=7:SecretReference? nodePublishSecretRef=8:SecretReference? controllerExpandSecretRef=9:SecretReference? nodeExpandSecretRef=10:SecretReference?',
  CephFSPersistentVolumeSource:
    'monitors=1:[]string path=2:string user=3:string secretFile=4:string secretRef=5:SecretReference? readOnly=6:bool',
  CinderPersistentVolumeSource: 'volumeID=1:string! fsType=2:string readOnly=3:bool secretRef=4:SecretReference?',
  FlexPersistentVolumeSource:
    'driver=1:string! fsType=2:string secretRef=3:SecretReference? readOnly=4:bool options=5:{}string',
  GlusterfsPersistentVolumeSource: 'endpoints=1:string! path=2:string! readOnly=3:bool endpointsNamespace=4:string?',
  ISCSIPersistentVolumeSource:
    'targetPortal=1:string! iqn=2:string! lun=3:int! iscsiInterface=4:string fsType=5:string readOnly=6:bool portals=7:[]string chapAuthDiscovery=8:bool chapAuthSession=11:bool secretRef=10:SecretReference? initiatorName=12:string?',
  LimitRange: 'metadata=1:ObjectMeta spec=2:LimitRangeSpec',
  LimitRangeItem:
    'type=1:string! max=2:{}Quantity min=3:{}Quantity default=4:{}Quantity defaultRequest=5:{}Quantity maxLimitRequestRatio=6:{}Quantity',
  LimitRangeSpec: 'limits=1:[]LimitRangeItem',
  LocalVolumeSource: 'path=1:string! fsType=2:string?',
  ModifyVolumeStatus: 'targetVolumeAttributesClassName=1:string status=2:string!',
  PersistentVolume: 'metadata=1:ObjectMeta spec=2:PersistentVolumeSpec status=3:PersistentVolumeStatus',
  PersistentVolumeClaim: 'metadata=1:ObjectMeta spec=2:PersistentVolumeClaimSpec status=3:PersistentVolumeClaimStatus',
  PersistentVolumeClaimCondition:
    'type=1:string! status=2:string! lastProbeTime=3:Time lastTransitionTime=4:Time reason=5:string message=6:string',
  PersistentVolumeClaimStatus:
    'phase=1:string accessModes=2:[]string capacity=3:{}Quantity conditions=4:[]PersistentVolumeClaimCondition allocatedResources=5:{}Quantity allocatedResourceStatuses=7:{}string currentVolumeAttributesClassName=8:string? modifyVolumeStatus=9:ModifyVolumeStatus?',
  PersistentVolumeSource:
    'gcePersistentDisk=1:GCEPersistentDiskVolumeSource? awsElasticBlockStore=2:AWSElasticBlockStoreVolumeSource? hostPath=3:HostPathVolumeSource? glusterfs=4:GlusterfsPersistentVolumeSource? nfs=5:NFSVolumeSource? rbd=6:RBDPersistentVolumeSource? iscsi=7:ISCSIPersistentVolumeSource? cinder=8:CinderPersistentVolumeSource? cephfs=9:CephFSPersistentVolumeSource? fc=10:FCVolumeSource? flocker=11:FlockerVolumeSource? flexVolume=12:FlexPersistentVolumeSource? azureFile=13:AzureFilePersistentVolumeSource? vsphereVolume=14:VsphereVirtualDiskVolumeSource? quobyte=15:QuobyteVolumeSource? azureDisk=16:AzureDiskVolumeSource? photonPersistentDisk=17:PhotonPersistentDiskVolumeSource? portworxVolume=18:PortworxVolumeSource? scaleIO=19:ScaleIOPersistentVolumeSource? local=20:LocalVolumeSource? storageos=21:StorageOSPersistentVolumeSource? csi=22:CSIPersistentVolumeSource?',
  PersistentVolumeSpec:
    'capacity=1:{}Quantity =2:PersistentVolumeSource! accessModes=3:[]string claimRef=4:ObjectReference? persistentVolumeReclaimPolicy=5:string storageClassName=6:string mountOptions=7:[]string volumeMode=8:string? nodeAffinity=9:VolumeNodeAffinity? volumeAttributesClassName=10:string?',
  PersistentVolumeStatus: 'phase=1:string message=2:string reason=3:string lastPhaseTransitionTime=4:Time?',
  PodTemplate: 'metadata=1:ObjectMeta template=2:PodTemplateSpec',
  RBDPersistentVolumeSource:
    'monitors=1:[]string image=2:string! fsType=3:string pool=4:string user=5:string keyring=6:string secretRef=7:SecretReference? readOnly=8:bool',
  ResourceQuota: 'metadata=1:ObjectMeta spec=2:ResourceQuotaSpec status=3:ResourceQuotaStatus',
  ResourceQuotaSpec: 'hard=1:{}Quantity scopes=2:[]string scopeSelector=3:ScopeSelector?',
  ResourceQuotaStatus: 'hard=1:{}Quantity used=2:{}Quantity',
  ScaleIOPersistentVolumeSource:
    'gateway=1:string! system=2:string! secretRef=3:SecretReference? sslEnabled=4:bool protectionDomain=5:string storagePool=6:string storageMode=7:string volumeName=8:string fsType=9:string readOnly=10:bool',
  ScopeSelector: 'matchExpressions=1:[]ScopedResourceSelectorRequirement',
  ScopedResourceSelectorRequirement: 'scopeName=1:string! operator=2:string! values=3:[]string',
  SecretReference: 'name=1:string namespace=2:string',
  StorageOSPersistentVolumeSource:
    'volumeName=1:string volumeNamespace=2:string fsType=3:string readOnly=4:bool secretRef=5:ObjectReference?',
  TopologySelectorLabelRequirement: 'key=1:string! values=2:[]string',
  TopologySelectorTerm: 'matchLabelExpressions=1:[]TopologySelectorLabelRequirement',
  VolumeNodeAffinity: 'required=1:NodeSelector?',
};
