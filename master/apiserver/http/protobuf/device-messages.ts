/** The messages of resource.k8s.io. The form of a line is told in messages.ts. */
export const deviceMessages: Readonly<Record<string, string>> = {
  'resource.AllocatedDeviceStatus':
    'driver=1:string! pool=2:string! device=3:string! shareID=7:string? conditions=4:[]Condition data=5:Raw? networkData=6:resource.NetworkDeviceData?',
  'resource.AllocationResult':
    'devices=1:resource.DeviceAllocationResult nodeSelector=3:NodeSelector? allocationTimestamp=5:Time?',
  'resource.CELDeviceSelector': 'expression=1:string!',
  'resource.CapacityRequestPolicy':
    'default=1:Quantity? validValues=3:[]Quantity validRange=4:resource.CapacityRequestPolicyRange?',
  'resource.CapacityRequestPolicyRange': 'min=1:Quantity? max=2:Quantity? step=3:Quantity?',
  'resource.CapacityRequirements': 'requests=1:{}Quantity',
  'resource.Counter': 'value=1:Quantity!',
  'resource.CounterSet': 'name=1:string! counters=2:{}resource.Counter',
  'resource.Device':
    'name=1:string! attributes=2:{}resource.DeviceAttribute capacity=3:{}resource.DeviceCapacity consumesCounters=4:[]resource.DeviceCounterConsumption nodeName=5:string? nodeSelector=6:NodeSelector? allNodes=7:bool? taints=8:[]resource.DeviceTaint bindsToNode=9:bool? bindingConditions=10:[]string bindingFailureConditions=11:[]string allowMultipleAllocations=12:bool?',
  'resource.DeviceAllocationConfiguration': 'source=1:string! requests=2:[]string =3:resource.DeviceConfiguration!',
  'resource.DeviceAllocationResult':
    'results=1:[]resource.DeviceRequestAllocationResult config=2:[]resource.DeviceAllocationConfiguration',
  'resource.DeviceAttribute':
    'int=2:int? bool=3:bool? string=4:string? version=5:string? ints=6:[]int bools=7:[]bool strings=8:[]string versions=9:[]string',
  'resource.DeviceCapacity': 'value=1:Quantity! requestPolicy=2:resource.CapacityRequestPolicy?',
  'resource.DeviceClaim':
    'requests=1:[]resource.DeviceRequest constraints=2:[]resource.DeviceConstraint config=3:[]resource.DeviceClaimConfiguration',
  'resource.DeviceClaimConfiguration': 'requests=1:[]string =2:resource.DeviceConfiguration!',
  'resource.DeviceClass': 'metadata=1:ObjectMeta spec=2:resource.DeviceClassSpec!',
  'resource.DeviceClassConfiguration': '=1:resource.DeviceConfiguration!',
  'resource.DeviceClassSpec':
    'selectors=1:[]resource.DeviceSelector config=2:[]resource.DeviceClassConfiguration extendedResourceName=4:string?',
  'resource.DeviceConfiguration': 'opaque=1:resource.OpaqueDeviceConfiguration?',
  'resource.DeviceConstraint': 'requests=1:[]string matchAttribute=2:string? distinctAttribute=3:string?',
  'resource.DeviceCounterConsumption': 'counterSet=1:string! counters=2:{}resource.Counter',
  'resource.DeviceRequest':
    'name=1:string! exactly=2:resource.ExactDeviceRequest? firstAvailable=3:[]resource.DeviceSubRequest',
  'resource.DeviceRequestAllocationResult':
    'request=1:string! driver=2:string! pool=3:string! device=4:string! adminAccess=5:bool? tolerations=6:[]resource.DeviceToleration bindingConditions=7:[]string bindingFailureConditions=8:[]string shareID=9:string? consumedCapacity=10:{}Quantity',
  'resource.DeviceSelector': 'cel=1:resource.CELDeviceSelector?',
  'resource.DeviceSubRequest':
    'name=1:string! deviceClassName=2:string! selectors=3:[]resource.DeviceSelector allocationMode=4:string count=5:int tolerations=6:[]resource.DeviceToleration capacity=7:resource.CapacityRequirements?',
  'resource.DeviceTaint': 'key=1:string! value=2:string effect=3:string! timeAdded=4:Time?',
  'resource.DeviceToleration': 'key=1:string operator=2:string value=3:string effect=4:string tolerationSeconds=5:int?',
  'resource.ExactDeviceRequest':
    'deviceClassName=1:string! selectors=2:[]resource.DeviceSelector allocationMode=3:string count=4:int adminAccess=5:bool? tolerations=6:[]resource.DeviceToleration capacity=7:resource.CapacityRequirements?',
  'resource.NetworkDeviceData': 'interfaceName=1:string ips=2:[]string hardwareAddress=3:string',
  'resource.OpaqueDeviceConfiguration': 'driver=1:string! parameters=2:Raw!',
  'resource.ResourceClaim':
    'metadata=1:ObjectMeta spec=2:resource.ResourceClaimSpec! status=3:resource.ResourceClaimStatus',
  'resource.ResourceClaimConsumerReference': 'apiGroup=1:string resource=3:string! name=4:string! uid=5:string!',
  'resource.ResourceClaimSpec': 'devices=1:resource.DeviceClaim!',
  'resource.ResourceClaimStatus':
    'allocation=1:resource.AllocationResult? reservedFor=2:[]resource.ResourceClaimConsumerReference devices=4:[]resource.AllocatedDeviceStatus',
  'resource.ResourceClaimTemplate': 'metadata=1:ObjectMeta spec=2:resource.ResourceClaimTemplateSpec!',
  'resource.ResourceClaimTemplateSpec': 'metadata=1:ObjectMeta spec=2:resource.ResourceClaimSpec!',
  'resource.ResourcePool': 'name=1:string! generation=2:int! resourceSliceCount=3:int!',
  'resource.ResourceSlice': 'metadata=1:ObjectMeta spec=2:resource.ResourceSliceSpec!',
  'resource.ResourceSliceSpec':
    'driver=1:string! pool=2:resource.ResourcePool! nodeName=3:string? nodeSelector=4:NodeSelector? allNodes=5:bool? devices=6:[]resource.Device perDeviceNodeSelection=7:bool? sharedCounters=8:[]resource.CounterSet',
};
